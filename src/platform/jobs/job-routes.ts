import { Delete, Get, Headers, HttpCode, Inject, Param, Post, Query, Res, type Type } from '@nestjs/common';
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

export interface JobRoutesOptions<Body, Summary extends object, Progress, Result> {
  readonly kind: JobKind<Summary, Progress, Result, Summary>;
  /** With its article, as in "Cancel a batch". */
  readonly noun: string;
  readonly body: Type<Body>;
  readonly toBody: (job: Job<Summary, Progress, Result>) => Body;
  /** Least role that may cancel and, where the kind can, pause and resume. */
  readonly cancels: Role;
}

/**
 * The routes that jobs of every kind have, as the base of a kind's controller: state, end, log and events, and of a
 * kind that can pause also pause and resume.
 */
export function JobRoutes<Body extends object, Summary extends object, Progress, Result>(
  options: JobRoutesOptions<Body, Summary, Progress, Result>,
) {
  const { kind, noun, body, toBody, cancels } = options;
  class Routes {
    @Inject(JobsService) readonly jobs: JobsService;
    @Inject(JobEventStreams) readonly streams: JobEventStreams;

    @Get(':job_id')
    @Access('viewer')
    @ApiOperation({ summary: `Get what ${noun} was asked, how it stands and what it made` })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: body })
    @ApiProblems(404)
    async get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<Body> {
      const { job, request } = await this.jobs.getWithRequest(caller.tenant, kind, id);
      return { ...toBody(job), request };
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
  if (!kind.canPause) return Routes;

  class PausableRoutes extends Routes {
    @Post(':job_id/pause')
    @Access(cancels)
    @HttpCode(200)
    @ApiOperation({
      summary: `Pause ${noun}; a running one lets go within a few seconds and keeps what it has`,
    })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: body })
    @ApiProblems(404, 409)
    async pause(@Caller() caller: Identity, @Param('job_id') id: string): Promise<Body> {
      return toBody(await this.jobs.pause(caller.tenant, kind, id));
    }

    @Post(':job_id/resume')
    @Access(cancels)
    @HttpCode(200)
    @ApiOperation({ summary: `Let ${noun} that is paused go on with what it has` })
    @ApiJobId(kind.prefix)
    @ApiOkResponse({ type: body })
    @ApiProblems(404, 409)
    async resume(@Caller() caller: Identity, @Param('job_id') id: string): Promise<Body> {
      return toBody(await this.jobs.resume(caller.tenant, kind, id));
    }
  }
  return PausableRoutes;
}
