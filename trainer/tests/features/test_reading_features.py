"""Sources of every format in the types that a view declares, and what is refused by name."""

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_scene import at, feature, iso, materialization, result_of, source, times, view


def of_text(store, text, features, name="view.csv", **changes):
    files = store.text(text, f"s3://data/{name}")
    return view([source(files, [each["name"] for each in features])], features, **changes)


def of_parquet(store, columns, features, **changes):
    files = store.parquet(columns, "s3://data/view.parquet")
    return view([source(files, [each["name"] for each in features])], features, **changes)


def online_values(store, online, given, **interval):
    result_of(store, materialization(store, given, **interval), online)
    return {key: value[3:] for key, value in online.values().items()}


def message_of(store, given, code="DATA_UNFIT"):
    found, message = store.failure(materialization(store, given), {"redis_url": "redis://127.0.0.1:1"})
    assert found == code, message
    return message


def test_csv(store, online):
    lines = [
        "id,ts,i,f,b,s,t",
        f"NA,{iso(at(1))},9007199254740993,1.5,true,NA,2024-02-29",
        f"007,{iso(at(1))},NA,,no,,2024-02-29 10:11:12.123456789+02:00",
        f"ü ,{iso(at(1))},-5.0,nan,-, x ,n/a",
    ]
    kinds = {"i": "int64", "f": "float64", "b": "boolean", "s": "string", "t": "timestamp"}
    given = of_text(store, "\n".join(lines), [feature(name, kind) for name, kind in kinds.items()])
    assert online_values(store, online, given) == {
        "NA": ["9007199254740993", 1.5, True, "NA", "2024-02-29T00:00:00.000000Z"],
        "007": [None, None, False, None, "2024-02-29T08:11:12.123456Z"],
        "ü": [-5, None, None, "x", None],
    }


def test_json_lines(store, online):
    rows = [
        {"i": "9007199254740993", "f": 1, "b": True, "s": "x", "l": [1, None], "t": iso(at(2))},
        {"i": 2**62, "f": 0.5, "b": 0, "s": "\u2028", "l": [], "t": None},
        {"i": None, "f": None, "b": None, "s": None, "l": None},
        {"i": 7.0, "f": 2**70, "b": False, "s": 12, "l": [2**60], "t": "2024-01-01"},
    ]
    lines = [{"id": str(at_), "ts": iso(at(1)), **each} for at_, each in enumerate(rows)]
    kinds = {"i": "int64", "f": "float64", "b": "boolean", "s": "string", "l": "int64_list", "t": "timestamp"}
    features = [feature(name, kind) for name, kind in kinds.items()]
    given = of_text(store, "\n".join(map(json.dumps, lines)), features, "view.jsonl")
    assert online_values(store, online, given) == {
        "0": ["9007199254740993", 1, True, "x", [1, None], iso(at(2))],
        "1": [str(2**62), 0.5, False, "\u2028", [], None],
        "2": [None] * 6,
        "3": [7, 2.0**70, False, "12", [str(2**60)], "2024-01-01T00:00:00.000000Z"],
    }


def test_columns_of_parquet_that_fit_a_declared_type(store, online):
    columns = {
        "id": pa.array([1, 2], pa.int32()),
        "ts": pa.array([at(1) * 1000, at(2) * 1000 + 999], pa.timestamp("ns")),
        "i": pa.array([5.0, None]),
        "u": pa.array([2**63 - 1, 0], pa.uint64()),
        "f": pa.array([Decimal("1.25"), None], pa.decimal128(5, 2)),
        "b": pa.array([1, 0], pa.int8()),
        "s": pa.array(["x", "y"]).dictionary_encode(),
        "d": pa.array([19_782, None], pa.date32()),
        "z": pa.array([at(1), None], pa.timestamp("us", "America/New_York")),
        "n": pa.nulls(2),
        "l": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
    }
    kinds = {
        "i": "int64",
        "u": "int64",
        "f": "float64",
        "b": "boolean",
        "s": "string",
        "d": "timestamp",
        "z": "timestamp",
        "n": "string",
        "l": "float64_list",
    }
    given = of_parquet(store, columns, [feature(name, kind) for name, kind in kinds.items()])
    assert online_values(store, online, given) == {
        "1": [5, str(2**63 - 1), 1.25, True, "x", "2024-02-29T00:00:00.000000Z", iso(at(1)), None, [1, 2]],
        "2": [None, 0, None, False, "y", None, None, None, None],
    }
    assert online.values()["2"][0] == at(2)


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_times_that_are_whole_numbers_of_a_unit_that_their_size_tells(store, online, unit):
    columns = {"id": ["a"], "ts": pa.array([at(1) * unit // 1_000_000], pa.int64()), "f": [1.0]}
    assert online_values(store, online, of_parquet(store, columns, [feature("f", "float64")])) == {"a": [1]}
    assert online.values()["a"][0] == at(1)


def test_other_whole_numbers_are_no_times(store):
    columns = {"id": ["a", "b", "c"], "ts": pa.array([20_260_101, None, 5]), "f": [1.0, 2, 3]}
    message = message_of(store, of_parquet(store, columns, [feature("f", "float64")]))
    assert message == (
        "View orders: column 'ts' is declared as timestamp, and 2 values are not, the first "
        "20260101 in row 0 of view.parquet."
    )
    mixed = {"id": ["a", "b"], "ts": pa.array([at(1) // 1000, at(1) // 1_000_000]), "f": [1.0, 2]}
    assert "1 values are not" in message_of(store, of_parquet(store, mixed, [feature("f", "float64")]))


def test_values_of_another_type_are_counted_and_the_first_named(store):
    rows = "".join(f"a,{iso(at(1))},{value}\n" for value in ("1", "x", "", "1.5", "y"))
    message = message_of(store, of_text(store, f"id,ts,i\n{rows}", [feature("i", "int64")]))
    assert message == (
        "View orders: column 'i' is declared as int64, and 3 values are not, the first the text \"x\" in "
        "row 1 of view.csv."
    )


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        (pa.array(["1"]), "float64", "declared as float64, and is of type string (row 0 of view.parquet)"),
        (pa.array([True]), "int64", "declared as int64, and is of type bool"),
        (pa.array([[1]]), "int64", "declared as int64, and is of type list"),
        (pa.array([1]), "int64_list", "declared as int64_list, and is of type int64"),
        (pa.array([1.5]), "int64", "declared as int64, and 1 values are not, the first 1.5 in row 0"),
        (pa.array([2**63], pa.uint64()), "int64", "1 values are not, the first 9223372036854775808 in row 0"),
        (pa.array([2.0**53 + 2]), "int64", "1 values are not"),
        (pa.array([2]), "boolean", "1 values are not, the first 2 in row 0"),
        (pa.array([b"x"]), "string", "declared as string, and is of type binary"),
        (pa.array([1.5]), "timestamp", "declared as timestamp, and is of type double"),
        (pa.array(["yesterday"]), "timestamp", '1 values are not, the first the text "yesterday"'),
        (pa.array([2**62], pa.timestamp("ms")), "timestamp", "1 values are not"),
        (pa.array([["x"]]), "int64_list", "declared as int64_list, and is of type string"),
        (pa.array([[1.5]]), "int64_list", "1 values are not, the first an array in row 0"),
    ],
)
def test_a_column_of_another_type_is_refused_by_name(store, column, kind, said):
    columns = {"id": ["a"], "ts": times([at(1)]), "value": column}
    message = message_of(store, of_parquet(store, columns, [feature("value", kind)]))
    assert message.startswith("View orders: column 'value' is ") and said in message


def test_absent_columns_are_named_with_the_closest(store):
    columns = {"id": ["a"], "ts": times([at(1)]), "totals": [1.0]}
    message = message_of(store, of_parquet(store, columns, [feature("total", "float64")]), "COLUMN_NOT_FOUND")
    assert "View orders (view.parquet): no column 'total' (did you mean 'totals'?)" in message
    lines = json.dumps({"id": "a", "ts": iso(at(1)), "totals": 1})
    given = of_text(store, lines, [feature("total", "float64")], "view.jsonl")
    assert "no column 'total'" in message_of(store, given, "COLUMN_NOT_FOUND")
    given["sources"][0]["uris"] = ["s3://data/nothing.jsonl"]
    assert "does not exist" in message_of(store, given, "DATA_UNREADABLE")


def test_rows_without_a_time_are_left_out_with_their_number(store, online):
    columns = {"id": ["a", "b"], "ts": times([None, at(1)]), "f": [1.0, 2]}
    events = store.run(
        materialization(store, of_parquet(store, columns, [feature("f", "float64")])),
        {"redis_url": online.url},
    )
    warnings = [each["message"] for each in events if each["type"] == "warning"]
    assert warnings == ["View orders: 1 rows have no time in 'ts' and were left out."]
    assert list(online.values()) == ["b"]


def test_row_groups_outside_of_the_interval_are_not_read(store, online, monkeypatch):
    rows = 100
    table = pa.table(
        {"id": [str(each) for each in range(rows)], "ts": times([at(each) for each in range(rows)])}
    )
    files = store.parquet({}, "s3://data/view.parquet")

    pq.write_table(table, store.path("s3://data/view.parquet"), row_group_size=10)
    read = []
    real = pq.ParquetFile.iter_batches

    def counted(self, size, groups, *more):
        read.extend(groups)
        return real(self, size, groups, *more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    given = view([source(files, [])], [])
    result = result_of(store, materialization(store, given, start=at(34), end=at(52)), online)
    assert result["views"][0]["entities"] == 18 and read == [3, 4, 5]


def test_folders_name_columns(store, online):
    columns = {"ts": times([at(1)]), "f": [1.0]}
    for name in ("a", "b"):
        files = store.parquet(columns, f"s3://data/id={name}/part.parquet")
    files["uris"] = ["s3://data/id=a/part.parquet", "s3://data/id=b/part.parquet"]
    given = view([source(files, ["f"])], [feature("f", "float64")])
    assert online_values(store, online, given) == {"a": [1], "b": [1]}
