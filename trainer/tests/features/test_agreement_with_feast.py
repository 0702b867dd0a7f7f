"""The values that Feast, another feature store, gives for the same data, in its own environment."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import TRAINER
from feature_scene import at, feature, iso, materialization, result_of, source, times, view
from test_joining import joined

# `npm test` names the interpreter that has test/feast/requirements.lock, and installs it.
FEAST = os.environ.get(
    "MODELPLANE_TEST_FEAST_PYTHON", TRAINER.parent / ".cache" / "python-feast" / "bin" / "python"
)
FEATURES = {"conv_rate": "float64", "acc_rate": "float64", "avg_daily_trips": "int64"}
TTL_SECONDS = 6 * 3600
HOUR = 3600
DRIVERS = range(1001, 1021)
ROWS = 300

pytestmark = pytest.mark.skipif(
    "MODELPLANE_TEST_FEAST_PYTHON" not in os.environ and not Path(FEAST).exists(),
    reason="Feast is not installed: npm test installs it",
)


def stats(random: np.random.Generator) -> pa.Table:
    """Figures of drivers: some rows come late, and some again with other values and a later creation."""
    driver, hour = (each.ravel() for each in np.meshgrid(list(DRIVERS), np.arange(0, 48, 3)))
    kept = random.random(len(driver)) < 0.5
    driver, hour = driver[kept], hour[kept]
    delay = np.where(random.random(len(hour)) < 0.3, 20 * HOUR, 60)
    again = random.random(len(hour)) < 0.3
    driver, hour = np.concatenate([driver, driver[again]]), np.concatenate([hour, hour[again]])
    delay = np.concatenate([delay, delay[again] + HOUR])
    order = random.permutation(len(hour))
    event = at(0) + hour[order] * HOUR * 1_000_000
    return pa.table(
        {
            "driver_id": pa.array(driver[order], pa.int64()),
            "event_timestamp": times(event.tolist()),
            "created": times((event + delay[order] * 1_000_000).tolist()),
            "conv_rate": random.random(len(order)),
            "acc_rate": random.random(len(order)),
            "avg_daily_trips": pa.array(random.integers(0, 1000, len(order)), pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def feast(tmp_path_factory):
    """The data, and what Feast answers."""
    folder = tmp_path_factory.mktemp("feast")
    random = np.random.default_rng(15)
    table = stats(random)
    # Each driver and time once, because one of Feast's engines drops all others. The last driver is unknown.
    hours = range(-5, 60)
    chosen = random.choice((len(DRIVERS) + 1) * len(hours), ROWS, replace=False)
    rows = pa.table(
        {
            "row": range(ROWS),
            "driver_id": pa.array(DRIVERS[0] + chosen // len(hours), pa.int64()),
            "event_timestamp": times([at((hours[0] + each) * HOUR) for each in chosen % len(hours)]),
        }
    )
    pq.write_table(table, folder / "stats.parquet")
    pq.write_table(rows, folder / "rows.parquet")
    end = at(30 * HOUR)
    (folder / "settings.json").write_text(json.dumps({"ttl_seconds": TTL_SECONDS, "end": iso(end)}))
    script = TRAINER.parent / "test" / "feast" / "reference.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run([FEAST, script, folder], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return {
        "stats": table,
        "rows": rows,
        "end": end,
        "joined": {
            name: pd.read_parquet(folder / f"{name}.parquet").set_index("row").sort_index()
            for name in ("duckdb", "duckdb-created", "file")
        },
        "online": json.loads((folder / "online.json").read_text()),
    }


def ours(store, table):
    files = store.parquet(table, "s3://data/stats.parquet")
    given = source(files, list(FEATURES), keys=("driver_id",), created="created")
    features = [feature(name, kind) for name, kind in FEATURES.items()]
    given["timestamp_column"] = "event_timestamp"
    return view([given], features, keys=(("driver_id", "int64"),), ttl_seconds=TTL_SECONDS)


def joined_by_ours(store, feast, ignore_created) -> tuple[pd.DataFrame, dict]:
    rows = store.parquet(feast["rows"], "s3://data/rows.parquet")
    values, result = joined(store, rows, [ours(store, feast["stats"])], ignore_created=ignore_created)
    assert values["row"] == list(range(ROWS))
    return pd.DataFrame(values).set_index("row"), result["views"][0]


def assert_equal(found: pd.DataFrame, theirs: pd.DataFrame) -> None:
    for name in FEATURES:
        pd.testing.assert_series_equal(found[name], theirs[name], check_dtype=False, rtol=0)


@pytest.mark.parametrize("ignore_created", [True, False])
def test_joined_values_are_those_of_feast(store, feast, ignore_created):
    found, counts = joined_by_ours(store, feast, ignore_created)
    theirs = feast["joined"]["duckdb" if ignore_created else "duckdb-created"]
    assert_equal(found, theirs)
    assert counts["matched"] == theirs["conv_rate"].notna().sum() > 90
    assert counts["missing"] > 50 and counts["expired"] > 50


def test_rows_that_feast_drops_are_kept_with_nulls(store, feast):
    """Its usual engine for files leaves out rows of drivers that it has only later or expired values of."""
    found, _ = joined_by_ours(store, feast, ignore_created=True)
    theirs = feast["joined"]["file"]
    dropped = found.index.difference(theirs.index)
    assert len(dropped) > 50 and found.loc[dropped, list(FEATURES)].isna().all(axis=None)
    # Of rows with equal event times it takes any, whatever their creation.
    table = feast["stats"].to_pandas()
    tied = table[table.duplicated(["driver_id", "event_timestamp"], keep=False)]["conv_rate"]
    compared = theirs.index[~found.loc[theirs.index, "conv_rate"].isin(tied)]
    assert len(compared) > 80
    assert_equal(found.loc[compared], theirs.loc[compared])


def test_online_values_are_those_of_feast(store, online, feast):
    # Feast takes all rows of an interval by their event time, also those that were created after its end.
    table = feast["stats"].sort_by([("event_timestamp", "ascending"), ("created", "ascending")])
    given = ours(store, table)
    given["sources"][0]["created_column"] = None
    result_of(store, materialization(store, given, end=feast["end"]), online)
    values = online.values()
    for number, driver in enumerate(feast["online"]["driver_id"]):
        theirs = [feast["online"][name][number] for name in FEATURES]
        assert values.get(str(driver), [None] * 6)[3:] == theirs
    assert len(values) == len(DRIVERS)
