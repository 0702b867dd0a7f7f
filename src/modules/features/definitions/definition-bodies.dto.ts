import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { PageInfo } from '../../../platform/http/page.js';
import { FEATURE_TYPES, type FeatureType } from './definitions.js';
import { PutEntityDto, PutServiceDto, PutViewDto } from './definitions.dto.js';

class KeptBody {
  /**
   * Who defined it first.
   * @example ana@acme.example
   */
  created_by: string;

  /**
   * When that was.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;

  /**
   * When it was last changed.
   * @example 2026-02-12T10:00:00.000Z
   */
  updated_at: string;
}

class NamedBody {
  /**
   * Its name.
   * @example customer
   */
  name: string;
}

export class EntityBody extends IntersectionType(NamedBody, PutEntityDto, KeptBody) {}

export class EntityPage {
  /** Entities, by name. */
  data: EntityBody[];

  /** What of the list this is. */
  page: PageInfo;
}

export class OnlineStateBody {
  @ApiProperty({
    description:
      'Rows up to this time have been taken in; null before the first run, or where all are to be read anew.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:00.000Z',
  })
  watermark: string | null;

  @ApiProperty({
    description: 'Time of the newest row; null before the first.',
    type: String,
    nullable: true,
    example: '2026-02-12T09:58:12.000Z',
  })
  newest_event_time: string | null;

  @ApiProperty({
    description: 'Seconds since then.',
    type: Number,
    nullable: true,
    example: 108.2,
  })
  freshness_seconds: number | null;

  @ApiProperty({
    description: 'When a run last ended well.',
    type: String,
    nullable: true,
    example: '2026-02-12T10:00:04.000Z',
  })
  materialized_at: string | null;

  @ApiProperty({
    description: 'Entities that have values, as the last run counted them.',
    type: Number,
    nullable: true,
    example: 7043,
  })
  entities: number | null;

  @ApiProperty({
    description: 'Bytes of memory that one entity takes, as the last run measured them.',
    type: Number,
    nullable: true,
    example: 184.5,
  })
  bytes_per_entity: number | null;
}

class ViewVersionBody {
  /**
   * Name of the view.
   * @example customer_features
   */
  name: string;

  /**
   * Version of the view.
   * @example 1
   */
  version: number;

  /**
   * Whether the name alone reads this version.
   * @example true
   */
  is_current: boolean;

  /**
   * Whether its features lie in a source (`stored`), or are computed when they are asked for (`on_demand`).
   * @example stored
   */
  @ApiProperty({ enum: ['stored', 'on_demand'] })
  kind: 'stored' | 'on_demand';

  @ApiProperty({
    description: 'What lies in the online store; null of views on demand.',
    type: OnlineStateBody,
    nullable: true,
  })
  online: OnlineStateBody | null;
}

export class ViewBody extends IntersectionType(ViewVersionBody, PutViewDto, KeptBody) {}

export class ViewPage {
  /** Current versions of views by name, or versions of a view, newest first. */
  data: ViewBody[];

  /** What of the list this is. */
  page: PageInfo;
}

export class ServiceFeatureBody {
  /**
   * Name under which the model takes it.
   * @example orders
   */
  name: string;

  /**
   * What it reads.
   * @example customer_features:total_orders
   */
  reference: string;

  @ApiProperty({
    description: 'The version of the view that this is now; null where there is none any more.',
    type: Number,
    nullable: true,
    example: 1,
  })
  version: number | null;

  @ApiProperty({ description: 'Type of its values.', enum: FEATURE_TYPES, nullable: true, example: 'int64' })
  type: FeatureType | null;
}

class ResolvedBody {
  /** The features by the names that the model takes them by, in its order. */
  takes: ServiceFeatureBody[];
}

export class ServiceBody extends IntersectionType(NamedBody, PutServiceDto, ResolvedBody, KeptBody) {}

export class ServicePage {
  /** Feature services, by name. */
  data: ServiceBody[];

  /** What of the list this is. */
  page: PageInfo;
}
