"""`python rows.py <out.parquet> <rows> [label]`: 20 numbers a row, and what to learn or an id; seeded."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STEP = 100_000

out, count, *rest = sys.argv[1:]
random = np.random.default_rng(0)
writer = None
for start in range(0, int(count), STEP):
    rows = min(STEP, int(count) - start)
    numbers = random.normal(size=(rows, 20))
    columns = {f"x{place}": numbers[:, place] for place in range(20)}
    if rest:
        score = 2 * numbers[:, 0] - numbers[:, 1] + numbers[:, 2] * numbers[:, 3] + random.normal(size=rows)
        table = pa.table({**columns, "label": (score > 0).astype(np.int64)})
    else:
        table = pa.table({"id": np.arange(start, start + rows), **columns})
    writer = writer or pq.ParquetWriter(out, table.schema)
    writer.write_table(table)
writer.close()
