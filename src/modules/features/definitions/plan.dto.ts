import { ApiProperty } from '@nestjs/swagger';
import { FeatureModelVersionBody } from './lineage.dto.js';

export const PLAN_ACTIONS = ['create', 'unchanged', 'change', 'new_version', 'invalid'] as const;
export type PlanAction = (typeof PLAN_ACTIONS)[number];

export class PlanReasonBody {
  /**
   * JSON pointer into the definition.
   * @example /features/0/type
   */
  pointer: string;

  @ApiProperty({
    description: 'What is wrong, or what reads it would read otherwise.',
    example: "of 'total_orders' is another one instead of 'int64'",
  })
  message: string;
}

export class PlannedDefinitionBody {
  /**
   * Its name, as in the request.
   * @example customer_features
   */
  name: string;

  /**
   * What a PUT would do: `create` it, leave it `unchanged`, `change` it, or be refused, since it takes a `new_version` or
   * is `invalid`.
   * @example new_version
   */
  @ApiProperty({ enum: PLAN_ACTIONS })
  action: PlanAction;

  @ApiProperty({
    description: 'Of change: the fields that change.',
    type: [String],
    required: false,
    example: ['ttl_seconds'],
  })
  fields?: string[];

  @ApiProperty({
    description: 'Of new_version and invalid: why.',
    type: [PlanReasonBody],
    required: false,
  })
  reasons?: PlanReasonBody[];

  @ApiProperty({
    description: 'Of new_version: under what name it can be put.',
    required: false,
    example: 'customer_features@v2',
  })
  put_as?: string;
}

export class BrokenServiceBody {
  /**
   * Name of the feature service.
   * @example churn
   */
  name: string;

  /**
   * The features of it whose values would be others or gone.
   * @example ["customer_features:total_orders"]
   */
  features: string[];
}

export class BreaksBody {
  /** Feature services. */
  services: BrokenServiceBody[];

  /** Versions of models that are not archived: the newest 200. */
  model_versions: FeatureModelVersionBody[];

  /**
   * How many such versions there are in all.
   * @example 1
   */
  model_version_count: number;
}

export class PlanBody {
  /** What becomes of the entities. */
  entities: PlannedDefinitionBody[];

  /** What becomes of the views. */
  views: PlannedDefinitionBody[];

  /** What becomes of the services. */
  services: PlannedDefinitionBody[];

  /** What would break if each view that takes a new version were changed in place, or that version promoted. */
  breaks: BreaksBody;
}
