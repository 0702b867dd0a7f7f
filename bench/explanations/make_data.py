"""`python make_data.py <folder>`: rows of 20 numbers, a class and a value: to train, validate and explain."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(sys.argv[1])
random = np.random.default_rng(0)


def table(rows: int) -> pa.Table:
    numbers = random.normal(size=(rows, 20)).astype(np.float32)
    numbers[:, 1] = 0.6 * numbers[:, 0] + 0.8 * numbers[:, 1]
    score = (
        2 * numbers[:, 0]
        - numbers[:, 1]
        + numbers[:, 2] * numbers[:, 3]
        + np.abs(numbers[:, 4:8]).sum(axis=1)
    )
    score = score + random.normal(size=rows)
    columns = {f"x{place}": numbers[:, place] for place in range(20)}
    return pa.table(columns | {"value": score * 100, "label": (score > 3).astype(np.int64)})


pq.write_table(table(5000), folder / "train.parquet")
pq.write_table(table(1000), folder / "validation.parquet")
rows = table(50).drop_columns(["value", "label"]).to_pylist()
(folder / "rows.json").write_text(json.dumps(rows))
