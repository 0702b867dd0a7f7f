import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../../platform/http/page.js';
import { JobBody } from '../../../platform/jobs/jobs.dto.js';
import { FEATURE_FILE_KINDS, type FeatureFileKind } from '../files/feature-file.entity.js';

export class EraseQuery {
  @ApiProperty({
    description:
      'Feature of models that holds the id of the subject: requests of the prediction log with it are erased, too, whatever they were looked up by.',
    required: false,
    example: 'customer_id',
  })
  @MayBeAbsent()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  id_column?: string;
}

export class SubmittedErasureBody {
  /**
   * Id of the job.
   * @example erase-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;
}

class OfViewBody {
  /**
   * View.
   * @example customer_features
   */
  view: string;

  /**
   * Version of the view.
   * @example 1
   */
  version: number;
}

export class ErasedOnlineBody extends OfViewBody {
  /**
   * Values of the online store that were deleted; one a version, or of views with several entities one a key.
   * @example 1
   */
  values: number;
}

export class ErasedPushedBody extends OfViewBody {
  /**
   * Pushed rows that were deleted before they were in a file.
   * @example 2
   */
  rows: number;
}

export class ErasedFileBody {
  /**
   * The file, which was replaced by one without the rows.
   * @example s3://tenants/acme-corp/feature-sets/churn-2026-02/hist-019c1a7c.parquet
   */
  uri: string;

  /**
   * What the file holds.
   * @example training_set
   */
  @ApiProperty({ enum: FEATURE_FILE_KINDS })
  kind: FeatureFileKind;

  /**
   * Rows that it no longer holds.
   * @example 3
   */
  rows_erased: number;

  /**
   * Rows that are left.
   * @example 99997
   */
  rows_left: number;

  /**
   * SHA-256 of the file as it is now.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  sha256: string;
}

export class ErasedLogBody {
  /**
   * Requests of the prediction log that were deleted.
   * @example 12
   */
  requests_deleted: number;

  /**
   * Rows of requests with rows of others, too: their features and keys were emptied.
   * @example 1
   */
  rows_emptied: number;
}

/** What has been erased so far. */
export class ErasedBody {
  /** Of the online store. */
  online: ErasedOnlineBody[];

  /** Of the rows that were pushed and are in no file yet. */
  pushed_rows: ErasedPushedBody[];

  /** Of the files that the platform wrote. */
  files: ErasedFileBody[];

  /** Of the prediction log. */
  prediction_log: ErasedLogBody;
}

export class NotReachedBody {
  /**
   * What the platform does not change: a `source` of the tenant's own, or what is described.
   * @example source
   */
  @ApiProperty({ enum: ['source', 'models', 'requests', 'copies'] })
  what: 'source' | 'models' | 'requests' | 'copies';

  @ApiProperty({
    description: 'Of a source: its path.',
    type: String,
    nullable: true,
    example: 's3://data/customers/*.parquet',
  })
  path: string | null;

  @ApiProperty({
    description: 'Why, and what to do.',
    example: 'read by customer_features@v1: rows that stay there come back with the next materialization',
  })
  why: string;
}

/** Certificate of what was erased, where, how much and when. */
export class ErasureCertificateBody extends ErasedBody {
  /**
   * When all of it was done.
   * @example 2026-02-12T10:00:04.000Z
   */
  erased_at: string;

  /** Where the subject may still be. */
  not_reached: NotReachedBody[];
}

export class ErasureBody extends JobBody {
  /**
   * Entity.
   * @example customer
   */
  entity: string;

  /**
   * Key of the one that is erased, by column.
   * @example {"customer_id": "cust-123"}
   */
  key: Record<string, string>;

  @ApiProperty({
    description: 'Feature that holds its id in the prediction log, if any.',
    type: String,
    nullable: true,
    example: null,
  })
  id_column: string | null;

  /** What has been erased so far; null before anything was. */
  progress: ErasedBody | null;

  /** Null unless succeeded. */
  result: ErasureCertificateBody | null;
}

export class ErasurePage {
  /** Erasures, newest first. */
  data: ErasureBody[];

  /** What of the list this is. */
  page: PageInfo;
}
