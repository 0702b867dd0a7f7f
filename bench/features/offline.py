"""The trainer's side of the bench of offline features, and plain DuckDB beside it; offline.mjs runs it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "trainer" / "src"))

from modelplane_trainer.environment import quiet_libraries

quiet_libraries()

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

NAMES = [f"f{number}" for number in range(10)]
KEYS = 20_000
DAY = 86_400
START = 1_735_689_600  # of 2025, in seconds
YEAR = 365 * DAY
WINDOW = 30 * DAY
TTL = 90 * DAY
AGGREGATES = {
    "n": ("count", None),
    "total": ("sum", "amount"),
    "mean": ("mean", "amount"),
    "most": ("max", "amount"),
}


def moments(random: np.random.Generator, rows: int) -> np.ndarray:
    """Microseconds since 1970, anywhere in a year."""
    return START * 1_000_000 + random.integers(0, YEAR * 1_000_000, rows)


def times(values: np.ndarray) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))


def make(folder: Path, rows: int, asked: int, events: int) -> None:
    """latest.parquet: a row an entity; history.parquet: as many rows of fewer; rows and events of these."""
    random = np.random.default_rng(15)
    features = lambda: {name: random.normal(size=rows) for name in NAMES}  # noqa: E731
    for name, keys in (("latest", np.arange(rows)), ("history", random.integers(0, KEYS, rows))):
        event = moments(random, rows)
        table = {"id": keys, "event_timestamp": times(event), "created": times(event + 60_000_000)}
        pq.write_table(pa.table(table | features()), folder / f"{name}.parquet")
    pq.write_table(
        pa.table({"id": random.integers(0, KEYS, asked), "event_timestamp": times(moments(random, asked))}),
        folder / "rows.parquet",
    )
    # As events come: in the order of time.
    pq.write_table(
        pa.table(
            {
                "id": random.integers(0, KEYS, events),
                "event_timestamp": times(np.sort(moments(random, events))),
                "amount": random.normal(size=events),
            }
        ),
        folder / "events.parquet",
    )


def view(name: str, columns: list[str], created: str | None, **changes) -> dict:
    """A view of a file that `make` writes."""
    source = {
        "format": "parquet",
        "uris": [f"s3://bench/{name}.parquet"],
        "timestamp_column": "event_timestamp",
        "created_column": created,
        "expires_column": None,
        "key_columns": {"id": "id"},
        "columns": {each: each for each in columns},
    }
    usual = {
        "name": name,
        "version": 1,
        "keys": [{"name": "id", "type": "int64"}],
        "sources": [source],
        "ttl_seconds": None,
        "features": [],
        "aggregations": [],
        "on_failure": "block",
    }
    found = usual | changes
    return found | {"layout": [each["name"] for each in [*found["features"], *found["aggregations"]]]}


def specification(kind: str, folder: Path, memory: int) -> dict:
    plain = [{"name": name, "type": "float64", "rules": {}} for name in NAMES]
    spec = {
        "spec_version": 1,
        "attempt": 1,
        "storage": {"kind": "folder", "root": str(folder.parent)},
        "output_uri": "s3://bench/",
        "limits": {"memory_bytes": memory << 20},
        "threads": os.cpu_count(),
    }
    if kind == "materialization":
        given = view("latest", NAMES, "created", features=plain, ttl_seconds=10 * YEAR)
        end = "2026-01-02T00:00:00Z"
        return spec | {
            "kind": kind,
            "job_id": f"mat-{uuid.uuid4()}",
            "views": [{"view": given, "key_prefix": "bench:features:", "start": None, "end": end}],
        }
    if kind == "join":
        given = view("history", NAMES, "created", features=plain, ttl_seconds=TTL)
    else:
        aggregations = [
            {
                "name": name,
                "function": function,
                "column": column,
                "n": None,
                "rules": {},
                "type": "float64" if column else "int64",
                "window_seconds": WINDOW,
                "where": None,
                "where_text": None,
            }
            for name, (function, column) in AGGREGATES.items()
        ]
        given = view("events", ["amount"], None, aggregations=aggregations)
    return spec | {
        "kind": "historical",
        "job_id": f"hist-{uuid.uuid4()}",
        "file_name": f"{kind}.parquet",
        "join": {
            "entity_rows": {"format": "parquet", "uris": ["s3://bench/rows.parquet"]},
            "timestamp_column": "event_timestamp",
            "ignore_created": False,
            "views": [given],
            "columns": [{"name": name, "view": 0, "feature": name} for name in given["layout"]],
            "on_demand": [],
            "output_order": given["layout"],
        },
    }


def ours(kind: str, folder: Path, memory: int, redis_url: str | None) -> dict:
    """A job in a process that is forked from one that has loaded everything, as the service runs it."""
    from modelplane_trainer import preload
    from modelplane_trainer.job import run_job

    preload.warm()
    spec = specification(kind, folder, memory)
    events = folder / "events.jsonl"
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        with events.open("wb") as file:
            os._exit(run_job(spec, file.fileno(), {"redis_url": redis_url}))
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    last = json.loads(events.read_text().splitlines()[-1])
    if status:
        raise SystemExit(str(last))
    processor = usage.ru_utime + usage.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "peak_bytes": usage.ru_maxrss * 1024}


def plain_windows(folder: Path) -> dict:
    """What one writes with DuckDB alone."""
    import duckdb

    computed = "count(e.id) AS n, sum(e.amount) AS total, avg(e.amount) AS mean, max(e.amount) AS most"
    query = (
        f"COPY (SELECT r.id, r.event_timestamp, {computed} "
        f"FROM (SELECT *, row_number() OVER () AS row FROM '{folder}/rows.parquet') AS r "
        f"LEFT JOIN '{folder}/events.parquet' AS e ON e.id = r.id AND e.event_timestamp <= r.event_timestamp "
        f"AND e.event_timestamp > r.event_timestamp - INTERVAL {WINDOW // DAY} DAY "
        "GROUP BY r.row, r.id, r.event_timestamp ORDER BY r.row) "
        f"TO '{folder}/plain.parquet' (COMPRESSION zstd)"
    )
    begun, processor = time.perf_counter(), time.process_time()
    duckdb.connect(config={"threads": os.cpu_count()}).execute(query).fetchall()
    return {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - processor}


def same(folder: Path, left: str, right: str) -> dict:
    """How many of the rows that both files have differ, and how many of the first alone have values."""
    keys = ["id", "event_timestamp"]
    frames = [pq.read_table(folder / f"{name}.parquet").to_pandas() for name in (left, right)]
    names = [name for name in frames[0].columns if name not in keys]
    ours_, theirs = (frame.drop_duplicates(keys).set_index(keys)[names].astype(float) for frame in frames)
    shared = ours_.index.intersection(theirs.index)
    equal = np.isclose(ours_.loc[shared], theirs.loc[shared], rtol=1e-9, atol=1e-12, equal_nan=True)
    alone = ours_.drop(shared)
    return {
        "rows": len(ours_),
        "compared": len(shared),
        "different": int((~equal).any(axis=1).sum()),
        "alone_with_values": int(alone.notna().any(axis=1).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "what", choices=["make", "materialization", "join", "windows", "plain-windows", "same"]
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("rest", nargs="*")
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, *map(int, given.rest))
        told = {}
    elif given.what == "plain-windows":
        told = plain_windows(given.folder)
    elif given.what == "same":
        told = same(given.folder, *given.rest)
    else:
        memory, *url = given.rest
        told = ours(given.what, given.folder, int(memory), url[0] if url else None)
    print(json.dumps(told))


main()
