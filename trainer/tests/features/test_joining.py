"""Plain views joined to rows as of the time of each: edges by hand, and random rows against a nested loop."""

import os
import random

import pyarrow as pa
import pytest
from feature_scene import at, beginning, feature, iso, read, result_of, source, times, view

from modelplane_trainer.batch.by_entity import joined_input
from modelplane_trainer.events import EventWriter
from modelplane_trainer.storage import open_store


def joined(store, rows, views, columns=None, ignore_created=False, **changes) -> tuple[dict, dict]:
    """The columns of the file and the result."""
    columns = columns or [
        {"name": each["name"], "view": number, "feature": each["name"]}
        for number, of in enumerate(views)
        for each in [*of["features"], *of["aggregations"]]
    ]
    spec = beginning(store, "historical") | {
        "file_name": "training_set.parquet",
        "join": {
            "entity_rows": rows,
            "timestamp_column": "event_timestamp",
            "ignore_created": ignore_created,
            "views": views,
            "columns": columns,
            "on_demand": [],
            "output_order": [each["name"] for each in columns],
            **changes,
        },
    }
    result = result_of(store, spec)
    return read(store, "s3://modelplane/jobs/attempts/1/training_set.parquet").to_pydict(), result


def asked(store, ids, seconds, **more):
    return store.parquet(
        {"id": ids, "event_timestamp": times([at(each) for each in seconds]), **more},
        "s3://data/rows.parquet",
    )


def plain(store, ids, seconds, values, created=None, expires=None, **changes):
    columns = {"id": ids, "ts": times([at(each) for each in seconds]), "value": values}
    for name, given in (("created", created), ("expires", expires)):
        if given is not None:
            columns[name] = times([None if each is None else at(each) for each in given])
    files = store.parquet(columns, "s3://data/view.parquet")
    return view(
        [source(files, ["value"], created=created and "created", expires=expires and "expires")],
        [feature("value", "int64")],
        **changes,
    )


def test_a_row_gets_the_newest_that_is_not_of_its_future(store):
    values, result = joined(
        store,
        asked(store, ["a", "a", "a", "b", None], [0, 1, 2.5, 9, 9], label=[1, 2, 3, 4, 5]),
        [plain(store, ["a", "a", "b"], [1, 2, 10], [1, 2, 3])],
    )
    assert values["value"] == [None, 1, 2, None, None]
    assert list(values) == ["id", "event_timestamp", "label", "value"] and values["label"] == [1, 2, 3, 4, 5]
    assert result["views"] == [{"name": "orders", "version": 1, "matched": 2, "missing": 3, "expired": 0}]
    assert result["rows"] == 5 and result["columns"][3] == {"name": "value", "type": "int64"}


def test_all_rows_are_as_of_one_time_where_they_have_none(store):
    values, _ = joined(
        store,
        store.parquet({"id": ["a", "b", "a"]}, "s3://data/rows.parquet"),
        [plain(store, ["a", "a", "b"], [1, 3, 2], [1, 3, 2])],
        timestamp_column=None,
        as_of=iso(at(2.5)),
    )
    assert values == {"id": ["a", "b", "a"], "value": [1, 2, 1]}


def test_a_column_of_the_rows_takes_the_place_of_a_feature_where_that_is_wanted(store):
    rows = asked(store, ["a", "b"], [9, 9], value=[70, None])
    more = feature("more", "int64")
    files = store.parquet(
        {"id": ["a", "b"], "ts": times([at(1), at(1)]), "value": [1, 2], "more": [3, 4]},
        "s3://data/v.parquet",
    )
    both = view([source(files, ["value", "more"])], [feature("value", "int64"), more])
    values, _ = joined(store, rows, [both], keep_given=True)
    assert values["value"] == [70, None] and values["more"] == [3, 4]
    values, _ = joined(store, asked(store, ["a"], [9], value=[7], more=[8]), [both], keep_given=True)
    assert list(values) == ["id", "event_timestamp", "value", "more"] and values["more"] == [8]


def test_expressions_over_the_rows_alone_need_neither_key_nor_time(store):
    tree = {"op": "column", "name": "calls", "type": "int64"}
    computed = {"name": "same", "type": "int64", "tree": tree, "bindings": {"calls": {"request": "calls"}}}
    changes = {"on_demand": [computed], "output_order": ["same"], "timestamp_column": None}
    for rows in (
        store.parquet({"calls": [1, None, 3]}, "s3://data/rows.parquet"),
        store.text('calls\n1\n""\n3\n', "s3://data/rows.csv"),
    ):
        values, _ = joined(store, rows, [], columns=[], as_of=iso(at(1)), **changes)
        assert values == {"calls": [1, None, 3], "same": [1, None, 3]}


def test_attempts_of_a_batch_read_one_join(store, tmp_path):
    events = EventWriter(os.open(tmp_path / "events", os.O_CREAT | os.O_WRONLY), "batch-1", 1)
    objects = open_store({"kind": "folder", "root": str(store.root)}, None)
    rows = store.parquet({"id": ["a", "b"]}, "s3://data/rows.parquet")

    def joined_input_of(value):
        views = [plain(store, ["a"], [1], [value])]
        columns = [{"name": "value", "view": 0, "feature": "value"}]
        join = {"entity_rows": rows, "timestamp_column": None, "as_of": iso(at(5)), "ignore_created": False}
        join |= {"views": views, "columns": columns, "on_demand": [], "output_order": ["value"]}
        spec = {
            "state_uri": "s3://modelplane/acme/jobs/batch-1/parts/",
            "features": {"join": join, "shown_as": "s3://data/rows.parquet"},
            "limits": {"memory_bytes": 1 << 30},
            "batch": {"threads": 1},
        }
        (file,) = joined_input(spec, events, objects)["files"]
        return read(store, file["uri"]).to_pydict()

    assert joined_input_of(1) == {"id": ["a", "b"], "value": [1, None]}
    assert joined_input_of(2) == {"id": ["a", "b"], "value": [1, None]}


def naive(entities, rows, ttl, ignore_created):
    """The rule said plainly, a row at a time."""
    found = []
    for key, t in entities:
        best = None
        for place, (of, event, created, expires, value) in enumerate(rows):
            if of != key or event > t or (created is not None and created > t and not ignore_created):
                continue
            order = (event, -(10**9) if created is None else created, place)
            if best is None or order > best[0]:
                best = (order, expires, value)
        is_old = best and (
            (ttl is not None and best[0][0] < t - ttl) or (best[1] is not None and best[1] <= t)
        )
        found.append(None if best is None or is_old else best[2])
    return found


@pytest.mark.parametrize("seed", range(12))
def test_random_rows_against_a_nested_loop(store, seed):
    chance = random.Random(seed)
    seconds = lambda: chance.randrange(0, 40)  # noqa: E731
    rows = [
        (
            chance.choice("abcd"),
            seconds(),
            chance.choice([None, seconds(), seconds()]),
            chance.choice([None, None, seconds()]),
            value,
        )
        for value in range(chance.choice([0, 1, 60, 300]))
    ]
    entities = [(chance.choice("abcde"), seconds()) for _ in range(100)]
    ttl, ignore = chance.choice([None, 5, 20]), bool(chance.getrandbits(1))
    ids, events, created, expires, values = zip(*rows, strict=True) if rows else ([], [], [], [], [])
    given = plain(
        store,
        pa.array(ids, pa.string()),
        events,
        pa.array(values, pa.int64()),
        created,
        expires,
        ttl_seconds=ttl,
    )
    for each in given["sources"]:
        each |= {"created_column": "created", "expires_column": "expires"}
    found, result = joined(store, asked(store, *zip(*entities, strict=True)), [given], ignore_created=ignore)
    expected = naive(entities, rows, ttl, ignore)
    assert found["value"] == expected
    assert result["views"][0]["matched"] == sum(each is not None for each in expected)


def test_expressions_over_stored_features_and_columns_of_the_rows(store):
    column = {"op": "column", "name": "value", "type": "int64"}
    asked_for = {"op": "column", "name": "amount", "type": "float64"}
    cast = {"op": "cast", "to": "float64", "value": column}
    tree = {"op": "call", "name": "add", "type": "float64", "args": [cast, asked_for]}
    values, _ = joined(
        store,
        asked(store, ["a", "a", "b"], [0, 1, 2], amount=[1, 2, 3]),
        [plain(store, ["a"], [1], [10])],
        columns=[{"name": "renamed", "view": 0, "feature": "value", "default": 7}],
        on_demand=[
            {
                "name": "sum",
                "type": "float64",
                "tree": tree,
                "default": -1,
                "bindings": {"value": {"view": 0, "feature": "value"}, "amount": {"request": "amount"}},
            }
        ],
        output_order=["sum", "renamed"],
    )
    assert list(values) == ["id", "event_timestamp", "amount", "sum", "renamed"]
    # An expression reads what is stored, without the default of the service.
    assert values["sum"] == [-1, 12, -1] and values["renamed"] == [7, 10, 7]
