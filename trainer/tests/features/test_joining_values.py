"""What a joined file holds: types, defaults, columns and rows of the caller, and what is refused."""

import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_scene import aggregation, at, beginning, feature, iso, read, source, times, view
from test_joining import asked, joined, plain

from modelplane_trainer.features import joining


def spec_of(store, rows, views, **changes):
    columns = [
        {"name": each["name"], "view": number, "feature": each["name"]}
        for number, of in enumerate(views)
        for each in of["features"]
    ]
    join = {
        "entity_rows": rows,
        "timestamp_column": "event_timestamp",
        "ignore_created": False,
        "views": views,
        "columns": columns,
        "on_demand": [],
        "output_order": [each["name"] for each in columns],
    }
    return beginning(store, "historical") | {"file_name": "training_set.parquet", "join": join | changes}


def file_of(store):
    return read(store, "s3://modelplane/jobs/attempts/1/training_set.parquet")


def test_every_type_as_a_column_of_parquet(store):
    columns = {
        "id": ["ü😀"],
        "ts": times([at(0)]),
        "i": pa.array([2**53 + 1], pa.int64()),
        "f": pa.array([-0.0]),
        "n": pa.array([math.nan]),
        "x": pa.array([math.inf]),
        "b": pa.array([True]),
        "s": ["y" * 3_000_000],
        "t": times([at(1.000001)]),
        "li": pa.array([[2**60, None]], pa.list_(pa.int64())),
        "lf": pa.array([[1.5, math.nan, math.inf]], pa.list_(pa.float64())),
        "lt": pa.array([[at(1)]], pa.list_(pa.timestamp("us", "UTC"))),
    }
    kinds = {
        "i": "int64",
        "f": "float64",
        "n": "float64",
        "x": "float64",
        "b": "boolean",
        "s": "string",
        "t": "timestamp",
        "li": "int64_list",
        "lf": "float64_list",
        "lt": "timestamp_list",
    }
    files = store.parquet(columns, "s3://data/view.parquet")
    given = view([source(files, list(kinds))], [feature(name, kind) for name, kind in kinds.items()])
    spec = spec_of(store, asked(store, ["ü😀", "u"], [1, 1]), [given])
    assert store.warnings(spec) == [
        "View orders: x is infinite in 1 values, which are null, as they are online.",
        "View orders: lf is infinite in 1 values, which are null, as they are online.",
    ]
    table = file_of(store)
    assert [str(each.type) for each in table.schema][2:] == [
        *("int64", "double", "double", "double", "bool", "large_string", "timestamp[us, tz=UTC]"),
        *("list<element: int64>", "list<element: double>", "list<element: timestamp[us, tz=UTC]>"),
    ]
    first, second = table.to_pylist()
    moment = columns["t"][0].as_py()
    assert list(first.values())[2:] == [
        *(2**53 + 1, 0, None, None, True, "y" * 3_000_000, moment),
        *([2**60, None], [1.5, None, None], [columns["lt"][0][0].as_py()]),
    ]
    assert list(second.values())[2:] == [None] * 10


def test_defaults_stand_for_all_that_is_null(store):
    files = store.parquet(
        {
            "id": ["a", "b"],
            "ts": times([at(0), at(-100)]),
            "n": pa.array([None, 5], pa.int64()),
            "s": ["x", None],
            "l": pa.array([None, [1]], pa.list_(pa.int64())),
            "t": times([None, at(3)]),
        },
        "s3://data/view.parquet",
    )
    kinds = {"n": "int64", "s": "string", "l": "int64_list", "t": "timestamp"}
    given = view(
        [source(files, list(kinds))], [feature(name, kind) for name, kind in kinds.items()], ttl_seconds=50
    )
    defaults = {"n": str(2**60), "s": "it's", "l": [7, str(2**60)], "t": iso(at(9))}
    columns = [
        {"name": f"{name}@v1", "view": 0, "feature": name, "default": value}
        for name, value in defaults.items()
    ]
    spec = spec_of(
        store,
        asked(store, ["a", "b", "c"], [1, 1, 1]),
        [given],
        columns=columns,
        output_order=[each["name"] for each in columns],
    )
    # Names of this kind are of features without a service.
    for each in (spec["join"]["columns"], spec["join"]["output_order"]):
        each[:] = json.loads(json.dumps(each).replace("@v1", "_v1"))
    store.result_of(spec)
    moment = times([at(9)])[0].as_py()
    whole = [2**60, "it's", [7, 2**60], moment]
    assert [list(each.values())[2:] for each in file_of(store).to_pylist()] == [
        [2**60, "x", [7, 2**60], moment],
        whole,
        whole,
    ]


def test_aggregations_without_an_event_are_zero_or_null(store):
    files = store.parquet({"id": ["a"], "ts": times([at(0)]), "n": [1.0]}, "s3://data/view.parquet")
    given = view(
        [source(files, ["n"])],
        aggregations=[aggregation("rows", "count", 10), aggregation("total", "sum", 10, "n")],
    )
    values, result = joined(store, asked(store, ["a", "a", "a", "z", None], [0, 9.999999, 10, 0, 0]), [given])
    assert values["rows"] == [1, 1, 0, 0, 0] and values["total"] == [1, 1, None, None, None]
    assert result["views"][0] == {"name": "orders", "version": 1, "matched": 2, "missing": 3, "expired": 0}


def test_columns_of_the_caller_stay_as_they_are(store):
    own = {
        "event_timestamp": pa.array([at(1) * 1000 + 1], pa.timestamp("ns")),
        "id": pa.array(["a"]).dictionary_encode(),
        "amount": pa.array([None], pa.decimal128(9, 2)),
        "nested": pa.array([{"a": [1]}]),
    }
    store.result_of(
        spec_of(store, store.parquet(own, "s3://data/rows.parquet"), [plain(store, ["a"], [1], [5])])
    )
    table = file_of(store)
    assert table.column_names == ["event_timestamp", "id", "amount", "nested", "value"]
    assert table.to_pylist()[0]["value"] == 5 and table.to_pylist()[0]["nested"] == {"a": [1]}
    assert table.schema.field("event_timestamp").type == pa.timestamp("ns")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_of_text(store, form):
    rows = [
        {"id": "01", "event_timestamp": iso(at(1)), "zip": "01067", "label": 1, "score": 0.5},
        {"id": "2", "event_timestamp": iso(at(2)), "zip": "99999", "label": None, "score": 2},
    ]
    if form == "csv":
        cells = [["" if each is None else str(each) for each in row.values()] for row in rows]
        text = "\n".join(",".join(row) for row in [list(rows[0]), *cells])
    else:
        text = "\n".join(map(json.dumps, rows))
    files = store.text(text, f"s3://data/rows.{form}")
    given = plain(store, ["01", "2"], [0, 0], [5, 6])
    store.result_of(spec_of(store, files, [given]))
    found = file_of(store).to_pydict()
    assert found["value"] == [5, 6] and found["zip"] == ["01067", "99999"]
    assert found["label"] == [1, None] and found["score"] == [0.5, 2]


def test_rows_of_several_files_and_of_none(store):
    first = asked(store, ["a"], [1])
    other = store.parquet({"event_timestamp": times([at(2)]), "id": ["b"]}, "s3://data/other.parquet")
    rows = first | {"uris": [*first["uris"], *other["uris"]]}
    given = plain(store, ["a", "b"], [0, 0], [5, 6])
    store.result_of(spec_of(store, rows, [given]))
    assert file_of(store).to_pydict()["value"] == [5, 6]
    nothing = store.parquet(
        {"id": pa.array([], pa.string()), "event_timestamp": times([])}, "s3://data/rows.parquet"
    )
    result = store.result_of(spec_of(store, nothing, [given]))
    assert result["rows"] == 0 and file_of(store).num_rows == 0


def test_many_rows_go_out_in_their_order_in_several_row_groups(store, monkeypatch):
    monkeypatch.setattr(joining, "_ROWS_AT_ONCE", 100)
    monkeypatch.setattr(joining, "_FEWEST_ROWS", 1)
    ids = [str(each % 7) for each in range(1_050)]
    given = plain(store, [str(each) for each in range(7)], [0] * 7, list(range(7)))
    store.result_of(spec_of(store, asked(store, ids, [1] * len(ids), row=range(len(ids))), [given]))
    table = file_of(store)
    assert table["row"].to_pylist() == list(range(len(ids)))
    assert table["value"].to_pylist() == [each % 7 for each in range(len(ids))]
    path = store.path("s3://modelplane/jobs/attempts/1/training_set.parquet")
    assert pq.ParquetFile(path).metadata.num_row_groups == 11


@pytest.mark.parametrize(
    ("rows", "code", "said"),
    [
        ({"id": ["a"]}, "COLUMN_NOT_FOUND", "entity_rows: no column 'event_timestamp'"),
        ({"event_timestamp": times([at(1)])}, "COLUMN_NOT_FOUND", "entity_rows: no column 'id'"),
        ({"id": ["a", "b"], "event_timestamp": times([at(1), None])}, "DATA_UNFIT", "1 rows have no time"),
        (
            {"id": ["a"], "event_timestamp": ["now"]},
            "DATA_UNFIT",
            "'event_timestamp' is declared as timestamp",
        ),
        (
            {"id": ["a"], "event_timestamp": times([at(1)]), "value": [1]},
            "DATA_UNFIT",
            "entity_rows has a column 'value', which is also the name of a feature",
        ),
    ],
)
def test_rows_that_cannot_be_joined_are_refused_by_name(store, rows, code, said):
    files = store.parquet(rows, "s3://data/rows.parquet")
    found, message = store.failure(spec_of(store, files, [plain(store, ["a"], [1], [5])]))
    assert found == code and said in message
