"""4,000 rows of ten text columns and ten numbers: python bench/mixed_data.py <parquet> <holdout.jsonl>"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, HELD_OUT = 4000, 20
random = np.random.default_rng(0)
columns, score = {}, np.zeros(ROWS)
for place in range(10):
    # From 3 to 48 categories; the first five matter.
    chosen = random.integers(0, 3 + 5 * place, ROWS)
    score += (chosen % 3 - 1) * (place < 5)
    columns[f"category_{place}"] = [f"value {each}" for each in chosen]
for place in range(10):
    values = random.normal(size=ROWS)
    score += values * (place < 3)
    columns[f"number_{place}"] = values.tolist()
columns["label"] = np.where(score + random.normal(size=ROWS) > 0, "yes", "no").tolist()
table = pa.table(columns)
pq.write_table(table.slice(HELD_OUT), sys.argv[1])
lines = (json.dumps(row) + "\n" for row in table.slice(0, HELD_OUT).to_pylist())
Path(sys.argv[2]).write_text("".join(lines))
