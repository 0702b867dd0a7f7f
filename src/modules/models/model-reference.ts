import { invalid } from '../../platform/errors/problem.js';
import { isUuid } from '../../platform/http/identifiers.js';
import { isModelName } from './model-name.js';
import type { Stage } from './stage.js';

/** Stages whose version can be asked for. */
const NAMED_STAGES: readonly string[] = ['production', 'staging', 'development'] satisfies Stage[];

/** What a caller's text says of a model: its id or its name, and, behind an `@`, which of its versions is meant. */
export interface ModelReference {
  readonly by: ModelKey;
  readonly stage?: Stage;
}

export type ModelKey = { readonly id: string } | { readonly name: string };

/** What a reference says of the model alone, whatever stands behind its `@`; undefined where no model can be called so. */
export function modelKeyOf(reference: string): ModelKey | undefined {
  const [model = ''] = reference.split('@', 1);
  if (isUuid(model)) return { id: model };
  return isModelName(model) ? { name: model } : undefined;
}

/**
 * Reads an id or a name, and the stage behind it as in `churn@staging`. No name has the form of an id, or an `@`.
 * @returns undefined where no model can have this id or name
 * @throws Problem 400 for a stage that cannot be asked for
 */
export function parseModelReference(text: string): ModelReference | undefined {
  const by = modelKeyOf(text);
  const [, stage, ...more] = text.split('@');
  if (!by || more.length > 0) return undefined;
  if (stage === undefined) return { by };
  if (NAMED_STAGES.includes(stage)) return { by, stage: stage as Stage };
  throw invalid(
    '/model_id',
    stage === 'archived'
      ? 'must not ask for the stage archived, whose versions do not answer; name the version itself'
      : `must name one of the stages ${NAMED_STAGES.join(', ')} behind the @`,
  );
}
