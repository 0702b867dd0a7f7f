import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../auth/access.decorator.js';
import type { Identity } from '../auth/identity.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { EventPage, ListEventsQuery } from './events.dto.js';
import { EventsService } from './events.service.js';

@ApiTags('Events')
@Controller('api/v1/events')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'Read what has happened, oldest first' })
  @ApiOkResponse({ type: EventPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListEventsQuery): Promise<EventPage> {
    return this.events.list(caller.tenant, query);
  }
}
