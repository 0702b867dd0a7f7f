import { setImmediate } from 'node:timers/promises';
import type { Type } from '@nestjs/common';
import { type FieldError, fieldsProblem, invalid, Problem } from '../../platform/errors/problem.js';
import { BodyValidationPipe } from '../../platform/http/body-validation.pipe.js';
import { parseInTurns } from '../../platform/http/json-in-turns.js';
import { refuseLongLists } from '../../platform/http/list-limits.js';
import { UploadedFeatureDto, UploadSignatureDto } from './uploads.dto.js';

/** Features that are checked in one go: a few milliseconds. */
const FEATURES_AT_ONCE = 50;
/** More faults are not looked for. */
const MAX_FAULTS = 100;

const bodies = new BodyValidationPipe();

/**
 * Reads the part `signature` of an upload. Ten thousand features take a while to check, so that other requests have
 * their turn in between.
 * @throws Problem 400 with pointers below /signature
 */
export async function readUploadSignature(text: string): Promise<UploadSignatureDto> {
  try {
    const json = (await parseInTurns(text || '{}', parse)) as { features?: unknown };
    if (!Array.isArray(json.features) || json.features.length === 0)
      return await check(json, UploadSignatureDto);
    refuseLongLists(json, UploadSignatureDto);
    const { features, ...others } = json;
    const signature = await check(others, UploadSignatureDto);
    signature.features = await checkFeatures(features as unknown[]);
    return signature;
  } catch (error) {
    if (!(error instanceof Problem) || !error.extra.errors) throw error;
    throw new Problem(error.code, `signature: ${error.detail}`, {
      errors: below('/signature', error.extra.errors),
    });
  }
}

async function checkFeatures(features: readonly unknown[]): Promise<UploadedFeatureDto[]> {
  const faults: FieldError[] = [];
  const checked: UploadedFeatureDto[] = [];
  for (const [at, sent] of features.entries()) {
    if (at % FEATURES_AT_ONCE === 0) await setImmediate();
    const feature = typeof sent === 'string' ? { name: sent } : sent;
    try {
      checked.push(await check(feature, UploadedFeatureDto));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      faults.push(...below(`/features/${at}`, error.extra.errors ?? []));
    }
    if (faults.length > MAX_FAULTS) break;
  }
  if (faults.length > 0) throw fieldsProblem('INVALID_REQUEST', faults);
  return checked;
}

function check<T extends object>(json: unknown, metatype: Type<T>): Promise<T> {
  return bodies.transform(json, { type: 'body', metatype }) as Promise<T>;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw invalid('', `is no JSON: ${(error as Error).message}`);
  }
}

function below(path: string, errors: readonly FieldError[]): FieldError[] {
  return errors.map(({ pointer, message }) => ({ pointer: `${path}${pointer}`, message }));
}
