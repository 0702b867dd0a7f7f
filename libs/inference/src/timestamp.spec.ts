import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { partOf, type TimestampPart, toMilliseconds } from './timestamp.js';

const PARTS: TimestampPart[] = ['epoch_days', 'year', 'month', 'day_of_month', 'day_of_week', 'hour'];

/** What the trainer makes of texts. */
const SCRIPT = `
import json, sys
import numpy as np
from modelplane_trainer.timestamps import PARTS, milliseconds_of, parts_of
found = [milliseconds_of(text) for text in json.load(sys.stdin)]
parts = parts_of(np.array([np.nan if each is None else each for each in found]))
rows = [None if each is None else [float(parts[name][row]) for name in PARTS] for row, each in enumerate(found)]
print(json.dumps([found, rows]))
`;

describe('timestamps', () => {
  it('are the same numbers here as in the trainer', () => {
    const texts = [
      ...[
        '2024-02-29',
        '2023-02-29',
        '0001-01-01',
        '0000-12-31',
        '9999-12-31T23:59:59.999',
        '1969-12-31 23:59:59',
      ],
      ...[
        '2026-02-12T10:00Z',
        '2026-02-12T10:00:00.123456+05:30',
        '2026-02-12T24:00',
        '2026-02-12T10:60',
        ' 2026-02-12\t',
        '2026/02/12',
        '2026/2/12',
        '2026-02-12t10:00:00,5z',
        '2026-02-12 10:00 GMT',
        '12.02.2026',
      ],
      ...[
        '2026-2-12',
        '2026-02-12T10',
        '0001-01-01T00:00+01:00',
        '9999-12-31T23:59-01:00',
        '2026-02-12T10:00:00.5-0330',
        '2026-02-12 10:00:00+00',
        '2026-02-12 10:00:00.123456 UTC',
        '2026-02-12 10:00:00 -0330',
        '2026-02-12 UTC',
      ],
    ];
    for (let days = -200_000; days < 200_000; days += 1237) {
      texts.push(new Date(days * 86_400_000 + ((days * 7919) % 86_400_000)).toISOString());
    }
    const answer = execFileSync(process.env.MODELPLANE_PYTHON!, ['-c', SCRIPT], {
      input: JSON.stringify(texts),
      env: { ...process.env, PYTHONPATH: resolve(import.meta.dirname, '../../../trainer/src') },
    });
    const found = texts.map(toMilliseconds);
    const rows = found.map((time) => time && PARTS.map((part) => Math.fround(partOf(time, part))));
    expect([found, rows]).toEqual(JSON.parse(answer.toString()));
    expect(found.filter((time) => time === null)).toHaveLength(11);
  });

  it.each([1.5, NaN, 1e300, true, [], '', 'tomorrow'])('do not take %p', (value) => {
    expect(toMilliseconds(value)).toBeNull();
  });
});
