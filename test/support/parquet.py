"""Parquet as JSON lines and back, so that tests in another language can make and read it."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write(source: Path, target: Path, row_group_rows: int) -> None:
    """Types are those that Arrow sees in the values: what fits none makes the script fail."""
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), target, row_group_size=row_group_rows)


def numbers(target: Path, rows: int, columns: int, row_group_rows: int, first_id: int, odd: int) -> None:
    """Ids and normally distributed numbers f0, f1, …, seeded; every `odd`th row has one that is too large."""
    random = np.random.default_rng(first_id)
    ids = np.arange(first_id, first_id + rows)
    table = {"id": ids, **{f"f{place}": random.normal(size=rows) for place in range(columns)}}
    if odd:
        table["f1"][odd - 1 :: odd] = 1e300
    pq.write_table(pa.table(table), target, row_group_size=row_group_rows)


def read(sources: list[Path]) -> None:
    for source in sources:
        for row in pq.read_table(source).to_pylist():
            print(json.dumps(row, default=lambda value: value.isoformat()))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "read":
        read([Path(argument) for argument in arguments])
    elif command == "write":
        write(Path(arguments[0]), Path(arguments[1]), int(arguments[2]))
    else:
        numbers(Path(arguments[0]), *map(int, arguments[1:]))
