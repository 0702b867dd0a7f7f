import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import { Access, Caller } from '../../auth/access.decorator.js';
import type { Identity } from '../../auth/identity.js';
import { ApiProblems } from '../../http/api-problems.decorator.js';
import { Tagged, TaggedChange, TaggedRead } from '../../http/etag.interceptor.js';
import { PageQuery } from '../../http/page.js';
import { Idempotent } from '../../idempotency/idempotent.decorator.js';
import {
  CreateScheduleDto,
  ScheduleBody,
  ScheduledJobBody,
  SchedulePage,
  UpdateScheduleDto,
} from './schedules.dto.js';
import { SchedulesService } from './schedules.service.js';

const ApiScheduleId = (): MethodDecorator =>
  ApiParam({
    name: 'schedule_id',
    description: 'Id of the schedule.',
    example: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  });

/** A change asks for the role that the kind's own POST does; the least of them is declared here. */
@ApiTags('Schedules')
@Controller('api/v1/schedules')
export class SchedulesController {
  constructor(private readonly schedules: SchedulesService) {}

  @Post()
  @Access('predictor')
  @Idempotent()
  @Tagged()
  @ApiOperation({ summary: 'Have jobs submitted at certain times' })
  @ApiCreatedResponse({ type: ScheduleBody })
  @ApiProblems(400, 404, 409, 422)
  create(@Caller() caller: Identity, @Body() dto: CreateScheduleDto): Promise<ScheduleBody> {
    return this.schedules.create(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List schedules, newest first' })
  @ApiOkResponse({ type: SchedulePage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: PageQuery): Promise<SchedulePage> {
    return this.schedules.list(caller.tenant, query);
  }

  @Get(':schedule_id')
  @Access('viewer')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a schedule, with its next turn and how it last ran' })
  @ApiScheduleId()
  @ApiOkResponse({ type: ScheduleBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('schedule_id') id: string): Promise<ScheduleBody> {
    return this.schedules.get(caller.tenant, id);
  }

  @Patch(':schedule_id')
  @Access('predictor')
  @TaggedChange()
  @ApiOperation({ summary: 'Change what a schedule submits, or when' })
  @ApiScheduleId()
  @ApiOkResponse({ type: ScheduleBody })
  @ApiProblems(400, 404, 409, 412, 422, 428)
  update(
    @Caller() caller: Identity,
    @Param('schedule_id') id: string,
    @Body() dto: UpdateScheduleDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<ScheduleBody> {
    return this.schedules.update(caller, id, dto, ifMatch);
  }

  @Delete(':schedule_id')
  @Access('predictor')
  @TaggedChange()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a schedule; the jobs that it has submitted stay' })
  @ApiScheduleId()
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 412, 428)
  remove(
    @Caller() caller: Identity,
    @Param('schedule_id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    return this.schedules.remove(caller, id, ifMatch);
  }

  @Post(':schedule_id/run')
  @Access('predictor')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit what a schedule submits once, now' })
  @ApiScheduleId()
  @ApiAcceptedResponse({ type: ScheduledJobBody })
  @ApiProblems(404, 409, 422, 503)
  run(@Caller() caller: Identity, @Param('schedule_id') id: string): Promise<ScheduledJobBody> {
    return this.schedules.run(caller, id);
  }
}
