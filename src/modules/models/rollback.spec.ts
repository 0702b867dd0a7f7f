import { versionBefore } from './rollback.js';
import type { Stage } from './stage.js';

/** Moves as `a b>c`: the version a went from the stage b to c, by the first letters of development, staging, …. */
function moves(...texts: string[]) {
  const stages: Record<string, Stage> = { d: 'development', s: 'staging', p: 'production', a: 'archived' };
  return texts.map((text) => {
    const [version = '', way = ''] = text.split(' ');
    return { version, fromStage: stages[way[0]!]!, toStage: stages[way[2]!]! };
  });
}

const PROMOTED = ['1 s>p', '1 p>a', '2 s>p', '2 p>a', '3 s>p'];

describe('the version that was in production before', () => {
  it.each<[string, string[], string | null, string | undefined]>([
    ['nothing', [], null, undefined],
    ['a first version', ['1 s>p'], '1', undefined],
    ['two', ['1 s>p', '1 p>a', '2 s>p'], '2', '1'],
    ['three', PROMOTED, '3', '2'],
    ['a roll-back', [...PROMOTED, '3 p>a', '2 a>p'], '2', '1'],
    ['two roll-backs', [...PROMOTED, '3 p>a', '2 a>p', '2 p>a', '1 a>p'], '1', undefined],
    ['a roll-back and a promotion', [...PROMOTED, '3 p>a', '2 a>p', '2 p>a', '4 s>p'], '4', '2'],
    ['one promoted twice', ['1 s>p', '1 p>a', '2 s>p', '2 p>a', '1 s>p'], '1', '2'],
    ['one that was archived by hand', ['1 s>p', '1 p>a', '2 s>p', '2 p>a'], null, '2'],
    ['one that was moved back by hand', ['1 s>p', '1 p>a', '2 s>p', '2 p>s'], null, '1'],
    ['one whose promotion was not kept', ['1 p>a', '2 s>p'], '2', '1'],
  ])('should be found behind %s', (_, history, current, expected) => {
    expect(versionBefore(moves(...history), current)).toBe(expected);
  });
});
