import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { EntityDefinition, FeatureService, OnDemandView, StoredView } from './definitions.js';

/** What of a definition is no column of its own. */
export type EntityText = Omit<EntityDefinition, 'name'>;
export type ServiceText = Omit<FeatureService, 'name'>;
export type ViewText =
  Omit<StoredView, 'name' | 'version' | 'online_id'> | Omit<OnDemandView, 'name' | 'version'>;

@Entity('feature_entities')
export class FeatureEntityRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_entities_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_entities_pkey' })
  name: string;

  @Column('jsonb')
  definition: EntityText;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}

/** A version of a view, and how far its online values are. */
@Entity('feature_views')
@Index('feature_views_current_key', ['tenantId', 'name'], { unique: true, where: 'is_current' })
@Unique('feature_views_online_id_key', ['tenantId', 'onlineId'])
@Check('feature_views_version_check', 'version between 1 and 999999')
export class FeatureViewRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_views_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_views_pkey' })
  name: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'feature_views_pkey' })
  version: number;

  /** Whether the name without a version reads this one. */
  @Column('boolean')
  isCurrent: boolean;

  @Column('jsonb')
  definition: ViewText;

  /** null of views on demand, which have no online values. */
  @Column('integer', { nullable: true })
  onlineId: number | null;

  /** The end of the interval up to which the online values are complete; null before the first run. */
  @Column('timestamptz', { nullable: true })
  watermark: Date | null;

  /** Of the rows that were taken in so far. */
  @Column('timestamptz', { nullable: true })
  newestEventTime: Date | null;

  /** Since when its values are known to be older than the view bears; null while they are not. */
  @Column('timestamptz', { nullable: true })
  staleSince: Date | null;

  /** When a run last ended well; null before the first. */
  @Column('timestamptz', { nullable: true })
  materializedAt: Date | null;

  /** Memory that the online store takes for one entity, measured by the last run. */
  @Column('double precision', { nullable: true })
  bytesPerEntity: number | null;

  /** Entities that the last run counted in the online store. */
  @Column('bigint', { nullable: true, transformer: { from: numberOrNull, to: (value: unknown) => value } })
  onlineEntities: number | null;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}

/** The newest `online_id` of a tenant. It outlives the view, whose values may still lie in the online store. */
@Entity('feature_online_ids')
export class FeatureOnlineId {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_online_ids_pkey' })
  tenantId: string;

  @Column('integer')
  last: number;
}

/** A version that was deleted, and whose values are to go from the online store. */
@Entity('feature_dropped_views')
export class DroppedView {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_dropped_views_pkey' })
  tenantId: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'feature_dropped_views_pkey' })
  onlineId: number;

  @Column('timestamptz', { default: () => 'now()' })
  droppedAt: Date;
}

@Entity('feature_services')
export class FeatureServiceRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_services_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_services_pkey' })
  name: string;

  @Column('jsonb')
  definition: ServiceText;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}

function numberOrNull(value: string | null): number | null {
  return value === null ? null : Number(value);
}
