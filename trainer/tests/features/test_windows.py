"""Aggregations over windows against a plain statement of SQL a row, joined and put online alike."""

import math
import random

import duckdb
import pyarrow as pa
import pytest
from feature_scene import aggregation, at, iso, materialization, result_of, source, times, view
from test_joining import asked, joined

GREATER = {
    "op": "call",
    "name": "gt",
    "type": "boolean",
    "args": [
        {"op": "column", "name": "amount", "type": "float64"},
        {"op": "literal", "type": "float64", "value": 3},
    ],
}
WHERE = "amount IS NOT NULL AND amount > 3"
AGGREGATIONS = [
    aggregation("rows", "count", 20),
    aggregation("amounts", "count", 7, "amount"),
    aggregation("total", "sum", 20, "amount"),
    aggregation("mean", "mean", 10, "amount"),
    aggregation("least", "min", 20, "whole", "int64"),
    aggregation("most", "max", 5, "moment", "timestamp"),
    aggregation("spread", "stddev", 20, "amount"),
    aggregation("newest", "last", 20, "shop", "string"),
    aggregation("oldest", "first", 20, "shop", "string"),
    aggregation("shops", "count_distinct", 20, "shop"),
    aggregation("recent", "last_n", 20, "whole", "int64_list", 3),
    aggregation("large", "sum", 20, "amount") | {"where": GREATER, "where_text": "amount > 3"},
    aggregation("large_rows", "count", 20) | {"where": GREATER, "where_text": "amount > 3"},
]
# By function, over rows of the window of whom the column is not null, in SQL as one writes it.
PLAIN = {
    "count": "count(*)",
    "sum": "sum({0}::DOUBLE)",
    "mean": "avg({0}::DOUBLE)",
    "min": "min({0})",
    "max": "max({0})",
    "stddev": "stddev_samp({0}::DOUBLE)",
    "count_distinct": "count(DISTINCT {0})",
    "last": "last({0} ORDER BY ts, created NULLS FIRST, place)",
    "first": "first({0} ORDER BY ts, created NULLS FIRST, place)",
    "last_n": "list({0} ORDER BY ts, created NULLS FIRST, place)[-3:]",
}


def events_of(chance, rows):
    """Columns of events with ties, late ones, nulls and NaN."""
    seconds = lambda: chance.randrange(0, 60)  # noqa: E731
    return {
        "id": pa.array([chance.choice("abc") for _ in range(rows)], pa.string()),
        "part": pa.array([chance.choice([1, 2, 2**60]) for _ in range(rows)], pa.int64()),
        "ts": times([at(seconds()) for _ in range(rows)]),
        "created": times([chance.choice([None, at(seconds())]) for _ in range(rows)]),
        "amount": pa.array(
            [chance.choice([None, math.nan, chance.uniform(0, 9)]) for _ in range(rows)], pa.float64()
        ),
        "whole": pa.array(
            [chance.choice([None, 2**62 + chance.randrange(9)]) for _ in range(rows)], pa.int64()
        ),
        "moment": times([chance.choice([None, at(seconds())]) for _ in range(rows)]),
        "shop": pa.array([chance.choice([None, "x", "ü", "z"]) for _ in range(rows)], pa.string()),
        "place": pa.array(range(rows), pa.int64()),
    }


def expected(events, key, t, ignore_created):
    """The aggregations of an entity at a time: one statement each."""
    database = duckdb.connect()
    database.register("events", pa.table(events))
    moment = f"make_timestamptz({t})"
    found = {}
    for each in AGGREGATIONS:
        column = each["column"]
        conditions = [
            f"id = '{key[0]}' AND part = {key[1]} AND ts <= {moment}",
            f"ts > make_timestamptz({t - each['window_seconds'] * 1_000_000})",
        ]
        if not ignore_created:
            conditions.append(f"(created IS NULL OR created <= {moment})")
        if column:
            conditions.append(
                f"{column} IS NOT NULL" + (f" AND NOT isnan({column})" if column == "amount" else "")
            )
        if each["where"]:
            conditions.append(f"{WHERE} AND NOT isnan(amount)")
        sql = PLAIN[each["function"]].format(column)
        ((value,),) = database.execute(
            f"SELECT {sql} FROM events WHERE {' AND '.join(conditions)}"
        ).fetchall()
        found[each["name"]] = value
    return found


def view_of(store, events, **changes):
    columns = ["amount", "whole", "moment", "shop"]
    files = store.parquet(events, "s3://data/view.parquet")
    return view(
        [source(files, columns, keys=("id", "part"), created="created")],
        aggregations=AGGREGATIONS,
        keys=(("id", "string"), ("part", "int64")),
        **changes,
    )


def assert_alike(found, plain):
    for name, value in plain.items():
        if isinstance(value, float):
            assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name
        else:
            assert found[name] == value, name


@pytest.mark.parametrize("seed", range(6))
def test_random_windows_against_a_statement_a_row(store, seed):
    chance = random.Random(seed)
    events = events_of(chance, chance.choice([0, 40, 300]))
    keys = [(chance.choice("abcd"), chance.choice([1, 2, 2**60])) for _ in range(20)]
    seconds = [chance.randrange(0, 70) for _ in keys]
    ignore = bool(chance.getrandbits(1))
    rows = asked(store, [key[0] for key in keys], seconds, part=[key[1] for key in keys])
    found, _ = joined(store, rows, [view_of(store, events)], ignore_created=ignore)
    for number, (key, second) in enumerate(zip(keys, seconds, strict=True)):
        assert_alike(
            {each["name"]: found[each["name"]][number] for each in AGGREGATIONS},
            expected(events, key, at(second), ignore),
        )


def test_online_values_are_those_of_a_join_at_the_end_of_the_interval(store, online):
    events = events_of(random.Random(3), 300)
    end = at(40)
    given = view_of(store, events)
    result = result_of(store, materialization(store, given, end=end), online)
    values = online.values()
    keys = sorted(
        {(id_, part) for id_, part in zip(events["id"].to_pylist(), events["part"].to_pylist(), strict=True)}
    )
    assert {f"1:{id_}{part}" for id_, part in keys} >= set(values) and len(values) > 5
    assert result["views"][0]["entities"] == len(values)
    for key in keys:
        plain = expected(events, key, end, ignore_created=False)
        found = values.get(f"1:{key[0]}{key[1]}")
        if found is None:
            assert plain["rows"] == 0
            continue
        assert found[:3] == [end, None, None]
        by_name = dict(zip(given["layout"], found[3:], strict=True))
        plain["least"] = None if plain["least"] is None else str(plain["least"])
        plain["recent"] = plain["recent"] and [str(each) for each in plain["recent"]]
        plain["most"] = plain["most"] and iso(round(plain["most"].timestamp() * 1_000_000))
        assert_alike(by_name, plain)


def test_a_value_is_forgotten_once_no_event_is_in_the_longest_window(store, online):
    now = online.client.time()
    microseconds = now[0] * 1_000_000 + now[1]
    files = store.parquet(
        {"id": ["a", "a"], "ts": times([microseconds - 5_000_000, microseconds - 9_000_000])}
    )
    given = view([source(files, [])], aggregations=[aggregation("n", "count", 3600)])
    result_of(store, materialization(store, given, end=microseconds), online)
    left = online.client.pttl("m:acme:features:1:a")
    assert 3_500_000 < left <= 3_595_000
