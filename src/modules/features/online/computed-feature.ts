import { compile, type ExpressionRow, type ExpressionTree } from '#libs/expressions';
import { canonicalValue, type JsonValue, UnfitValue } from '#libs/features';
import { type FieldError, jsonPointer, unfit } from '../../../platform/errors/problem.js';
import type { OnDemandView, RequestInput } from '../definitions/definitions.js';

/** A function of the inputs of a view on demand, by their names. */
export type Evaluate = (inputs: ExpressionRow) => JsonValue;

/** Plans of the same definitions share what was compiled, which may take a hundred kilobytes. */
const compiled = new WeakMap<ExpressionTree, Evaluate>();

/** @param name of a feature of the view */
export function evaluatorOf(view: OnDemandView, name: string): Evaluate {
  const { tree } = view.features.find((feature) => feature.name === name)!;
  let evaluate = compiled.get(tree);
  if (!evaluate) compiled.set(tree, (evaluate = compile(tree)));
  return evaluate;
}

/**
 * Adds what a view asks of each row to what others ask.
 * @throws Problem 422 where two views ask for values of two types under one name
 */
export function askFor(
  asked: Map<string, RequestInput>,
  { name, inputs }: OnDemandView,
  pointer: string,
): void {
  for (const input of inputs.request) {
    const { type } = asked.get(input.name) ?? input;
    if (type !== input.type)
      throw unfit(
        pointer,
        `asks for '${input.name}' as ${type} and, for the view ${name}, as ${input.type}: read them in two requests`,
      );
    asked.set(input.name, input);
  }
}

/** Adds a fault for each value that a row does not give as it is asked for; null is a value. */
export function checkAsked(
  asked: ReadonlyMap<string, RequestInput>,
  row: Readonly<Record<string, unknown>>,
  pointer: string,
  errors: FieldError[],
): void {
  for (const { name, type } of asked.values()) {
    try {
      canonicalValue(row[name], type);
    } catch (error) {
      if (!(error instanceof UnfitValue)) throw error;
      errors.push({ pointer: pointer + jsonPointer(name), message: error.message });
    }
  }
}
