"""Whatever training reads, a batch that passes all columns on scores it, in every format of its output."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from agreement import Agreement
from tables_as_text import ROWS, lines

SETTINGS = {"hyperparameters": {"max_iter": 2, "min_samples_leaf": 5}}
DAYS = [date(2024, 1, 1) + timedelta(place) for place in range(ROWS)]
MOMENTS = [datetime(2024, 1, 1) + timedelta(hours=place) for place in range(ROWS)]
PLACES = list(range(ROWS))


def scored(store, files, **changes):
    found = Agreement(store, files, passed=None, **SETTINGS, **changes)
    assert found.batch.get("rows_scored") == ROWS * len(files["uris"]), found.batch
    return found.table


def json_parts(store, *parts):
    """Files of one column `k`."""
    uris = []
    for at, values in enumerate(parts):
        rows = [{"k": value, "x": place, "y": place % 2} for place, value in enumerate(values)]
        uris += store.text(lines(rows), f"s3://data/{at}.jsonl")["uris"]
    return {"format": "json_lines", "uris": uris}


def parquet_parts(store, *parts):
    uris = []
    for at, values in enumerate(parts):
        columns = {"k": values, "x": PLACES, "y": [place % 2 for place in PLACES]}
        uris += store.parquet(columns, f"s3://data/{at}.parquet")["uris"]
    return {"format": "parquet", "uris": uris}


@pytest.mark.parametrize("output", ["parquet", "csv"])
@pytest.mark.parametrize(
    "parts",
    [
        [[2**60 + place * 1000 for place in PLACES]],
        [[2**63 + place * 10**6 for place in PLACES]],
        [[2**70 + place * 10**15 for place in PLACES]],
        [[2**60 + place if place % 2 else place + 0.5 for place in PLACES]],
        [PLACES, [place / 4 for place in PLACES]],
        [[place % 3 == 0 for place in PLACES], [place % 2 for place in PLACES]],
        [[place % 2 for place in PLACES], [place % 3 == 0 for place in PLACES]],
        [[None] * ROWS, [f"t{place % 3}" for place in PLACES]],
        [[{"a": [place]} for place in PLACES]],
    ],
)
def test_of_json_lines(store, parts, output):
    scored(store, json_parts(store, *parts), output=output)


@pytest.mark.parametrize("output", ["parquet", "csv"])
@pytest.mark.parametrize(
    "parts",
    [
        [pa.array([f"t{place % 3}" for place in PLACES]).cast(pa.string_view())],
        [pa.array(PLACES), pa.array([Decimal(place) / 4 for place in PLACES], pa.decimal128(12, 2))],
        [pa.array([Decimal(place) for place in PLACES], pa.decimal128(30, 1)), pa.array(PLACES)],
        [pa.array(DAYS), pa.array(MOMENTS, pa.timestamp("ns"))],
        [pa.array(MOMENTS, pa.timestamp("us", tz="UTC")), pa.array(MOMENTS, pa.timestamp("ns"))],
        [pa.array(DAYS, pa.date64()), pa.array(DAYS), pa.array(MOMENTS, pa.timestamp("s"))],
    ],
)
def test_of_parquet(store, parts, output):
    scored(store, parquet_parts(store, *parts), output=output)


def test_times_of_one_type_keep_it(store):
    table = scored(store, parquet_parts(store, pa.array(MOMENTS, pa.timestamp("us", tz="Europe/Berlin"))))
    assert table["k"].type == pa.timestamp("us", tz="Europe/Berlin")


def test_the_types_of_parts_without_rows_mean_nothing(store):
    files = parquet_parts(store, pa.array(PLACES), pa.array([place / 4 for place in PLACES]))
    empty = pa.table({name: pa.array([], pa.string()) for name in ("k", "x", "y")})
    before = store.parquet(empty, "s3://data/before.parquet")["uris"]
    store.path("s3://data/nothing.parquet").write_bytes(b"")
    found = Agreement(
        store,
        files | {"uris": ["s3://data/nothing.parquet", *before, *files["uris"]]},
        passed=None,
        **SETTINGS,
    )
    assert found.batch["rows_scored"] == 2 * ROWS and found.table["k"].type == pa.float64()


@pytest.mark.parametrize("values", [[[place] for place in PLACES], [{"a": place} for place in PLACES]])
def test_what_csv_cannot_hold_is_named(store, values):
    files = parquet_parts(store, pa.array(values))
    refused = Agreement(store, files, passed=None, output="csv", **SETTINGS).batch
    assert (
        refused["code"] == "DATA_UNFIT"
        and "CSV cannot hold 'k', because of types such as" in refused["message"]
    )
    assert Agreement(store, files, passed=["x"], output="csv", **SETTINGS).batch["rows_scored"] == ROWS
