import { ModelUnavailable, type Predictions, type SignatureDefinition } from '#libs/inference';
import { RuntimeConfig } from '../../config/index.js';
import { unfit } from '../../platform/errors/problem.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Metrics } from '../../platform/observability/metrics.js';
import type { EnsembleDefinition, EnsembleMember } from '../models/model.entity.js';
import type { ServableEnsemble, ServableFile } from '../models/versions.service.js';
import { EnsembleScorer } from './ensemble-scorer.js';
import type { LoadedModel } from './model-catalog.js';
import type { ModelRunner, Scored, ScoreRequest } from './scoring.js';

const SIGNATURE: SignatureDefinition = {
  signature_version: 1,
  target: null,
  inputs: [{ name: 'x', type: 'number', tensor: 'x', dtype: 'float32', nullable: true, categories: null }],
  ignored: [],
  output: { type: 'regression', value_tensor: 'y' },
};
const REQUEST: ScoreRequest = { model: 'e', version: undefined, rows: [{ x: 1 }], single: true };

/** What a member does each time it is asked: answers a value, at once or later, or throws. */
type Deed = () => number | Promise<number>;

const member = (id: string, more: Partial<EnsembleMember> = {}): EnsembleMember => ({
  ...{ model_id: id, version: null, stage: null, weight: 1, timeout_ms: 60_000, retries: 0, required: false },
  ...more,
});

describe('the members of an ensemble', () => {
  const away = () => Promise.reject(new ModelUnavailable('its process has ended', 1));

  function score(
    deeds: Record<string, Deed>,
    more: { members?: EnsembleMember[]; options?: Partial<EnsembleDefinition> } = {},
  ) {
    const asked: string[] = [];
    const runner: ModelRunner = {
      find: (_, { model }) =>
        ({ servable: { modelId: model, version: '1.0.0', signature: SIGNATURE } }) as LoadedModel,
      run: (_, { servable }) => {
        asked.push(servable.modelId);
        const value = deeds[servable.modelId]!();
        const scored = (predicted: number): Scored => {
          const predictions: Predictions = { predictions: [predicted], warnings: [] };
          return { servable: servable as ServableFile, predictions };
        };
        return value instanceof Promise ? value.then(scored) : scored(value);
      },
    };
    const ensemble: EnsembleDefinition = {
      method: 'averaging',
      members: more.members ?? Object.keys(deeds).map((id) => member(id)),
      parallel_inference: true,
      fail_on_partial: false,
      min_models_required: 1,
      strategy: 'all',
      threshold: null,
      ...more.options,
    };
    const servable = { modelId: 'e', version: '1.0.0', signature: SIGNATURE, ensemble } as ServableEnsemble;
    const scorer = new EnsembleScorer(new AppLogger(new RuntimeConfig()), new Metrics());
    return { asked, scored: scorer.score(runner, 'acme', servable, REQUEST) };
  }

  const statesOf = ({ ensemble }: Scored) =>
    ensemble!.members.map(({ failure, share }) => failure?.message ?? share);

  it('should make no promise where they all answer at once', () => {
    const { scored } = score({ a: () => 1, b: () => 3 });
    expect(scored).toMatchObject({ predictions: { predictions: [2], warnings: [] } });
  });

  it('should be asked again where they cannot answer for a moment, as often as they may', async () => {
    let times = 0;
    const third: Deed = () => (++times < 3 ? away() : 5);
    const patient = score({ a: third, b: () => 1 }, { members: [member('a', { retries: 2 }), member('b')] });
    expect((await patient.scored).predictions.predictions).toEqual([3]);
    expect(patient.asked).toEqual(['a', 'b', 'a', 'a']);

    times = 0;
    const hasty = score({ a: third, b: () => 1 }, { members: [member('a', { retries: 1 }), member('b')] });
    expect(statesOf(await hasty.scored)).toEqual([expect.stringContaining('its process has ended'), 1]);
    expect(hasty.asked).toEqual(['a', 'b', 'a']);
  });

  it('should not be asked again for what they will not answer the next time either', async () => {
    const deed: Deed = () => {
      throw unfit('/features', 'the model has no finite answer');
    };
    const { asked, scored } = score(
      { a: deed, b: () => 1 },
      { members: [member('a', { retries: 5 }), member('b')] },
    );
    expect(statesOf(await scored)).toEqual([expect.stringContaining('no finite answer'), 1]);
    expect(asked).toEqual(['a', 'b']);
  });

  it('should be waited for no longer than their time, with all their tries', async () => {
    const members = [member('a', { timeout_ms: 30, retries: 5 }), member('b')];
    const hangs = score({ a: () => new Promise<number>(() => undefined), b: () => 1 }, { members });
    expect(statesOf(await hangs.scored)).toEqual(['It did not answer within 30 ms.', 1]);
    const stays = score({ a: away, b: () => 1 }, { members });
    expect(statesOf(await stays.scored)).toEqual([expect.stringContaining('its process has ended'), 1]);
    expect(stays.asked.length).toBeLessThan(4);
  });

  it('should be asked one after the other where they are not asked at once', async () => {
    let answer!: (value: number) => void;
    const first = new Promise<number>((resolve) => (answer = resolve));
    const { asked, scored } = score(
      { a: () => first, b: () => 3 },
      { options: { parallel_inference: false } },
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual(['a']);
    answer(1);
    expect((await scored).predictions.predictions).toEqual([2]);
    expect(asked).toEqual(['a', 'b']);
  });

  it('should leave the thread to others between them once they have kept it for long', async () => {
    const busy: Deed = () => {
      for (const end = performance.now() + 6; performance.now() < end;);
      return 1;
    };
    const { asked, scored } = score({ a: busy, b: busy, c: busy });
    expect(asked).toEqual(['a']);
    expect((await scored).predictions.predictions[0]).toBeCloseTo(1, 12);
    expect(asked).toEqual(['a', 'b', 'c']);
  });
});
