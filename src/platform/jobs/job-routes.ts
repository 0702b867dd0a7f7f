import { Delete, Get, Headers, HttpCode, Inject, Param, Query, Res, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Caller } from '../auth/access.decorator.js';
import type { Identity, Role } from '../auth/identity.js';
import { ApiJobId } from '../http/api-params.decorator.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { PageQuery } from '../http/page.js';
import { JobEventStreams } from './job-event-streams.js';
import { ApiJobEvents, sendEvents } from './job-events.http.js';
import type { JobKind } from './job-kind.js';
import type { Job } from './job.entity.js';
import { LogPage } from './jobs.dto.js';
import { JobsService } from './jobs.service.js';

export interface JobRoutesOptions<Body> {
  readonly kind: JobKind;
  /** With its article, as in "Cancel a batch". */
  readonly noun: string;
  readonly body: Type<Body>;
  readonly toBody: (job: Job) => Body;
  /** Least role that may cancel. */
  readonly cancels: Role;
}

/** The routes that jobs of every kind have, as the base of a kind's controller: state, end, log and events. */
export function JobRoutes<Body extends object>({
  kind,
  noun,
  body,
  toBody,
  cancels,
}: JobRoutesOptions<Body>) {
  class Routes {
    @Inject(JobsService) readonly jobs: JobsService;
    @Inject(JobEventStreams) readonly streams: JobEventStreams;

    @Get(':job_id')
    @Access('viewer')
    @ApiOperation({ summary: `Get how ${noun} stands and what it made` })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: body })
    @ApiProblems(404)
    async get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<Body> {
      return toBody(await this.jobs.get(caller.tenant, kind, id));
    }

    @Delete(':job_id')
    @Access(cancels)
    @HttpCode(200)
    @ApiOperation({ summary: `Cancel ${noun}; a running one ends within a few seconds` })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: body })
    @ApiProblems(404, 409)
    async cancel(@Caller() caller: Identity, @Param('job_id') id: string): Promise<Body> {
      return toBody(await this.jobs.cancel(caller.tenant, kind, id));
    }

    @Get(':job_id/logs')
    @Access('viewer')
    @ApiOperation({ summary: `Read the log of ${noun}, oldest line first` })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: LogPage })
    @ApiProblems(400, 404)
    logs(
      @Caller() caller: Identity,
      @Param('job_id') id: string,
      @Query() query: PageQuery,
    ): Promise<LogPage> {
      return this.jobs.logs(caller.tenant, kind, id, query);
    }

    @Get(':job_id/events')
    @Access('viewer')
    @ApiOperation({ summary: `Follow the events of ${noun} as they happen, from its first to its last` })
    @ApiJobId(kind.prefix)
    @ApiJobEvents()
    @ApiProblems(400, 404)
    async events(
      @Caller() caller: Identity,
      @Param('job_id') id: string,
      @Headers('last-event-id') lastEventId: string | undefined,
      @Res() reply: FastifyReply,
    ): Promise<void> {
      sendEvents(reply, await this.streams.stream(caller, kind, id, lastEventId));
    }
  }
  return Routes;
}
