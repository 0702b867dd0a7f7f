import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import {
  completeSignature,
  GraphRefused,
  type SignatureDefinition,
  SignatureIncomplete,
} from '#libs/inference';
import type { ObjectContent } from '#libs/object-store';
import { PredictionsConfig } from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { invalid, unfit } from '../../platform/errors/problem.js';
import { readParts } from '../../platform/http/multipart.js';
import { parseRange } from '../../platform/http/range-header.js';
import {
  IdempotentAnswers,
  keyedRequest,
  type KeptAnswer,
} from '../../platform/idempotency/idempotent-answers.js';
import { UploadedModels } from '../../platform/inference/inference.module.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Artifacts, type ReceivedObject } from '../../platform/storage/artifacts.js';
import { CombinedVersions } from './combined-versions.service.js';
import type { Framework, Model } from './model.entity.js';
import type { VersionBody } from './models.dto.js';
import { toVersionBody } from './models.mapping.js';
import { readUploadSignature } from './upload-signature.js';
import type { UploadSignatureDto } from './uploads.dto.js';
import type { TrainedService } from './feature-versions.service.js';
import { VersionsService } from './versions.service.js';

const MAX_SIGNATURE_BYTES = 2 ** 20;

interface Upload {
  readonly model: Model;
  readonly received: ReceivedObject;
  readonly signature: SignatureDefinition;
  /** What the caller wrote of the signature. */
  readonly described: string;
  /** What made the file, where the caller says so. */
  readonly framework: Framework | undefined;
  /** The feature service that its features are of, where the caller names one. */
  readonly service: TrainedService | undefined;
}

/** Models made elsewhere: takes their files in, lets them through the gate, and gives artifacts back. */
@Injectable()
export class UploadsService {
  constructor(
    private readonly database: Database,
    private readonly versions: VersionsService,
    private readonly artifacts: Artifacts,
    private readonly uploaded: UploadedModels,
    private readonly combined: CombinedVersions,
    private readonly answers: IdempotentAnswers,
    private readonly config: PredictionsConfig,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Makes the next version of a model, once where the request has an Idempotency-Key.
   * @throws Problem 400, 404, 409, 413, 415, 422
   */
  uploadNext(caller: Identity, reference: string, request: FastifyRequest): Promise<KeptAnswer> {
    return this.examined(caller.tenant, reference, undefined, request, (upload) => {
      const keyed = keyedRequest(request, [
        upload.received.sha256,
        upload.described,
        upload.service?.name ?? '',
      ]);
      return this.database.asTenant(caller.tenant, async (scope) => {
        const make = async () => {
          return { status: 201, body: await this.publish(scope, caller, undefined, upload) };
        };
        return keyed ? this.answers.once(scope, keyed, make) : { ...(await make()), isReplayed: false };
      });
    });
  }

  /**
   * Fills a version that has no artifact.
   * @throws Problem 400, 404, 409, 413, 415, 422
   */
  fill(caller: Identity, reference: string, version: string, request: FastifyRequest): Promise<VersionBody> {
    return this.examined(caller.tenant, reference, version, request, (upload) =>
      this.database.asTenant(caller.tenant, (scope) => this.publish(scope, caller, version, upload)),
    );
  }

  /** Takes in the form, lets the file through the gate, and hands both to `publish`. */
  private async examined<T>(
    tenant: string,
    reference: string,
    version: string | undefined,
    { body, headers }: FastifyRequest,
    publish: (upload: Upload) => Promise<T>,
  ): Promise<T> {
    const model = await this.versions.uploadTarget(tenant, reference, version);
    let received: ReceivedObject | undefined;
    try {
      const texts = await readParts(body as Readable | undefined, headers['content-type'], {
        file: 'artifact',
        take: async (content) => {
          received = await this.artifacts.receive(tenant, content, this.config.maxArtifactBytes);
        },
        texts: ['signature', 'feature_service'],
        maxTextBytes: MAX_SIGNATURE_BYTES,
      });
      if (!received) throw invalid('/artifact', 'the part artifact is missing: it is the ONNX file');
      const described = texts.get('signature') ?? '';
      const description = await readUploadSignature(described);
      const signature = await this.examine(tenant, model, received, description);
      const named = texts.get('feature_service');
      const service =
        named === undefined ? named : await this.versions.featureServiceFor(tenant, named, signature);
      await this.artifacts.copy(tenant, received.address, received.sha256);
      const { framework } = description;
      return await publish({ model, received, signature, described, framework, service });
    } finally {
      if (received) await this.artifacts.discard(received);
    }
  }

  /**
   * The file of a version, that of an ensemble made anew; its ETag is its SHA-256.
   * @throws Problem 404, 416, and as `CombinedVersionMaker.artifact`
   */
  async download(
    tenant: string,
    reference: string,
    version: string,
    rangeHeader: string | undefined,
  ): Promise<ObjectContent> {
    const { modelId, file } = await this.versions.artifactOf(tenant, reference, version);
    if (!file) return this.downloadCombined(tenant, modelId, version, rangeHeader);
    const range = rangeHeader ? parseRange(rangeHeader, file.size) : undefined;
    return { ...(await this.artifacts.open(tenant, file.sha256, range)), etag: file.sha256 };
  }

  private async downloadCombined(
    tenant: string,
    modelId: string,
    version: string,
    rangeHeader: string | undefined,
  ): Promise<ObjectContent> {
    const made = await this.combined.make.artifact(tenant, modelId, version);
    try {
      const range = rangeHeader ? parseRange(rangeHeader, made.size) : undefined;
      const content = await this.artifacts.openReceived(made, range);
      content.stream.once('close', () => void this.discard(made));
      return { ...content, etag: made.sha256 };
    } catch (error) {
      await this.discard(made);
      throw error;
    }
  }

  /** What could not be discarded is swept after a day. */
  private async discard(made: ReceivedObject): Promise<void> {
    await this.artifacts
      .discard(made)
      .catch((error: unknown) => this.logger.failure('a file that was made could not be discarded', error));
  }

  /** @throws Problem 422 with a sentence for the one who made the file */
  private async examine(
    tenant: string,
    model: Model,
    received: ReceivedObject,
    description: UploadSignatureDto,
  ): Promise<SignatureDefinition> {
    try {
      const signature = await this.uploaded.examine(
        tenant,
        this.artifacts.received(received),
        (graph) => completeSignature(graph, model.modelType, description),
        description.example,
      );
      if (signature.inputs.some(({ name }) => name === '__proto__'))
        throw unfit(
          '/signature/features',
          'a feature cannot be named __proto__, which no JSON body may hold',
        );
      return signature;
    } catch (error) {
      if (error instanceof SignatureIncomplete) throw unfit(`/signature${error.pointer}`, error.message);
      if (!(error instanceof GraphRefused)) throw error;
      this.logger.info('upload refused', {
        sha256: received.sha256,
        reason: error.message,
        cause: error.cause,
      });
      throw unfit('/artifact', error.message);
    }
  }

  private async publish(
    scope: TenantScope,
    { subject }: Identity,
    version: string | undefined,
    { model, received, signature, framework, service }: Upload,
  ): Promise<VersionBody> {
    await this.artifacts.publish(scope, received.address, received.sha256);
    const filled = await this.versions.publishUploaded(scope, model.id, version, {
      createdBy: subject,
      framework,
      files: { model: { sha256: received.sha256, size: received.size } },
      signature,
      data: service ? { feature_service: service } : {},
    });
    return toVersionBody(filled, null);
  }
}
