"""`python rows.py <out.parquet> <rows> numbers|mixed [label]`: features, and what to learn or an id; seeded.

numbers are 20 of them; mixed are 10 numbers and 10 texts of 3 to 48 categories.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STEP = 100_000

out, count, kind, *rest = sys.argv[1:]
random = np.random.default_rng(0)
CATEGORIES = [np.array([f"value {each}" for each in range(3 + 5 * place)], object) for place in range(10)]


def features(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns by name, and a score that depends on some of them."""
    numbers = random.normal(size=(rows, 20 if kind == "numbers" else 10))
    columns = {f"x{place}": numbers[:, place] for place in range(numbers.shape[1])}
    score = 2 * numbers[:, 0] - numbers[:, 1] + numbers[:, 2] * numbers[:, 3]
    if kind == "mixed":
        for place, categories in enumerate(CATEGORIES):
            chosen = random.integers(0, len(categories), rows)
            columns[f"t{place}"] = categories[chosen]
            score = score + (chosen % 3 - 1) * (place < 5)
    return columns, score


writer = None
for start in range(0, int(count), STEP):
    rows = min(STEP, int(count) - start)
    columns, score = features(rows)
    if rest:
        table = pa.table({**columns, "label": (score + random.normal(size=rows) > 0).astype(np.int64)})
    else:
        table = pa.table({"id": np.arange(start, start + rows), **columns})
    writer = writer or pq.ParquetWriter(out, table.schema)
    writer.write_table(table)
writer.close()
