import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { composeGraph, type ComposableEnsemble, type ComposableModel, NotComposable } from '#libs/inference';
import { PredictionsConfig } from '../../config/index.js';
import { Problem } from '../../platform/errors/problem.js';
import { FairQueue } from '../../platform/fair-share/fair-queue.js';
import { Refusals } from '../../platform/load/refusals.js';
import { Artifacts, type ReceivedObject } from '../../platform/storage/artifacts.js';
import { type ResolvedVersion, type ServableFile, ServingService } from '../serving/serving.service.js';

/** Exports that are made at once hold the files of their members in memory. */
const QUEUE = { places: 2, placesOfTenant: 1, maxWaiting: 32, maxWaitingOfTenant: 4 };

/** Makes one ONNX file of an ensemble, of what answers for its members now. */
@Injectable()
export class EnsembleExports {
  private readonly queue = new FairQueue(QUEUE);
  /** What the last export took. */
  private exportMs = 1000;

  constructor(
    private readonly serving: ServingService,
    private readonly artifacts: Artifacts,
    private readonly refusals: Refusals,
    private readonly config: PredictionsConfig,
  ) {}

  /**
   * The same members make the same bytes.
   * @throws Problem 409 where a member does not answer now, 422 where one graph cannot answer as the ensemble does, 503
   * where too many wait, 507 past the tenant's quota
   */
  make(tenant: string, modelId: string, version: string): Promise<ReceivedObject> {
    const work = async () => {
      const began = performance.now();
      try {
        return await this.compose(tenant, modelId, version);
      } finally {
        this.exportMs = performance.now() - began;
      }
    };
    return this.refusals.inTurn('exports', this.queue, tenant, work, (waiting) => ({
      what: 'exports of ensembles wait',
      waitMs: (waiting * this.exportMs) / QUEUE.places,
    }));
  }

  private async compose(tenant: string, modelId: string, version: string): Promise<ReceivedObject> {
    const resolved = await this.resolve(tenant, modelId, version);
    const files = filesOf(resolved).map((file) => file.files.model);
    const { maxArtifactBytes } = this.config;
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes > maxArtifactBytes) {
      const why = `the files of its members have ${bytes} bytes together, and ${maxArtifactBytes} are allowed`;
      throw unexportable(version, why);
    }
    const graphs = new Map<string, Buffer>();
    for (const { sha256 } of files)
      if (!graphs.has(sha256))
        graphs.set(sha256, await this.artifacts.readChecked(tenant, sha256, maxArtifactBytes));
    try {
      const model = composeGraph(toComposable(resolved, graphs) as ComposableEnsemble);
      return await this.artifacts.receive(tenant, Readable.from(model.chunks()), Infinity);
    } catch (error) {
      throw error instanceof NotComposable ? unexportable(version, error.message) : error;
    }
  }

  private async resolve(tenant: string, modelId: string, version: string): Promise<ResolvedVersion> {
    const servable = await this.serving.servable(tenant, modelId, version);
    const resolved = await this.serving.resolve(tenant, servable).catch((error: unknown) => {
      if (!(error instanceof Problem) || error.code !== 'VALIDATION_ERROR') throw error;
      const why = error.extra.errors?.[0]?.message ?? error.detail;
      throw new Problem('STAGE_CONFLICT', `Version ${version} cannot be exported now: it ${why}`);
    });
    const uploaded = filesOf(resolved).filter(({ origin }) => origin === 'uploaded');
    if (uploaded.length === 0) return resolved;
    const which = uploaded.map(nameOf).join(', ');
    throw unexportable(
      version,
      `only models that were trained here become one graph, and these were uploaded: ${which}`,
    );
  }
}

function filesOf({ servable, members }: ResolvedVersion): ServableFile[] {
  return members ? members.flatMap(filesOf) : [servable];
}

function toComposable(
  { servable, members }: ResolvedVersion,
  graphs: ReadonlyMap<string, Uint8Array>,
): ComposableModel {
  const { signature, threshold } = servable;
  const named = { name: nameOf(servable), signature, threshold };
  if (!members) return { ...named, graph: graphs.get(servable.files.model.sha256)! };
  const { ensemble } = servable;
  const weighted = members.map((member, at) => ({
    weight: ensemble.members[at]!.weight,
    model: toComposable(member, graphs),
  }));
  return { ...named, ensemble: { ...ensemble, members: weighted } };
}

function nameOf({ modelId, version }: ResolvedVersion['servable']): string {
  return `${modelId} ${version}`;
}

function unexportable(version: string, why: string): Problem {
  return new Problem('VALIDATION_ERROR', `Version ${version} cannot be exported as one graph: ${why}.`);
}
