import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feature_scene import beginning, result_of

FOLDER = "s3://tenants/acme/"
NAMES = ["cust-1", None, "cust-12", "cust-1", "é🦊:}\n"]


def erase(store, keys, *files):
    spec = beginning(store, "erasure") | {
        "erasure": {
            "keys": [{"name": name, "value": value} for name, value in keys.items()],
            "files": [{"uri": uri, "format": form} for uri, form in files],
        }
    }
    found = result_of(store, spec)["files"]
    return spec["output_uri"], found


def test_rows_of_one_entity_leave_files_and_all_others_stay_as_they_are(store):
    table = pa.table({"id": NAMES, "shop": pa.array([1, 1, 2, None, 1], pa.int64()), "x": [1.5, 2, 3, 4, 5]})
    table = table.replace_schema_metadata({"hash": "of the definition"})
    path = store.path(FOLDER + "set.parquet")
    pq.write_table(table, path, row_group_size=2)
    lines = [b'{"id": "cust-1", "x": 1}\n', b'{"x": 2,   "id": "cust-12"}\n', b'{"id":"cust-1"}']
    store.text(b"".join(lines), FOLDER + "pushed.jsonl")
    uris = [(FOLDER + "set.parquet", "parquet"), (FOLDER + "pushed.jsonl", "json_lines")]

    output, (of_set, of_pushed) = erase(store, {"id": "cust-1"}, *uris)
    assert (of_set["rows_erased"], of_set["rows_left"]) == (2, 3)
    anew = store.path(output + of_set["file"]["name"])
    assert pq.read_table(anew).equals(table.take([1, 2, 4]), check_metadata=True)
    assert of_set["file"]["sha256"] == hashlib.sha256(anew.read_bytes()).hexdigest()
    assert (of_pushed["rows_erased"], of_pushed["rows_left"]) == (2, 1)
    assert store.path(output + of_pushed["file"]["name"]).read_bytes() == lines[1]
    # What is there stays until the platform puts the new file in its place.
    assert pq.read_table(path).equals(table)

    _, (of_set, of_pushed) = erase(store, {"id": "cust-2"}, *uris)
    assert of_set == {"uri": uris[0][0], "rows_erased": 0, "rows_left": 5, "file": None}
    assert (of_pushed["rows_erased"], of_pushed["file"]) == (0, None)


def test_all_key_columns_must_be_those_of_the_entity(store):
    table = pa.table({"id": NAMES, "shop": pa.array([1, 1, 2, None, 1], pa.int64())})
    pq.write_table(table, store.path(FOLDER + "set.parquet"))
    uri = (FOLDER + "set.parquet", "parquet")
    _, (found,) = erase(store, {"id": "cust-1", "shop": "1"}, uri)
    assert found["rows_erased"] == 1
    _, (found,) = erase(store, {"id": "é🦊:}\n", "shop": "2"}, uri)
    assert found["rows_erased"] == 0
    _, (found,) = erase(store, {"id": "cust-1", "region": "x"}, uri)
    assert found["rows_erased"] == 0


@pytest.mark.parametrize(
    "column",
    [
        pa.array([42, 9007199254740993, None], pa.int64()),
        pa.array([42, 43, None], pa.int32()),
        pa.array(["42", "043", None], pa.string()).dictionary_encode(),
        pa.array(["42", "420", None], pa.large_string()),
    ],
)
def test_a_whole_number_is_found_whatever_column_holds_it(store, column):
    pq.write_table(pa.table({"id": column}), store.path(FOLDER + "set.parquet"))
    _, (found,) = erase(store, {"id": "42"}, (FOLDER + "set.parquet", "parquet"))
    assert (found["rows_erased"], found["rows_left"]) == (1, 2)
    _, (found,) = erase(store, {"id": "9007199254740992"}, (FOLDER + "set.parquet", "parquet"))
    assert found["rows_erased"] == 0


def test_whole_numbers_of_lines(store):
    rows = [
        {"id": 42},
        {"id": "9007199254740993"},
        {"id": None},
        {"id": True},
        {"id": 42.0},
        {"id": [42]},
        {},
    ]
    store.text("\n".join(json.dumps(row) for row in rows), FOLDER + "pushed.jsonl")
    for value, erased in [("42", 1), ("9007199254740993", 1), ("True", 0), ("1", 0), ("None", 0)]:
        _, (found,) = erase(store, {"id": value}, (FOLDER + "pushed.jsonl", "json_lines"))
        assert (value, found["rows_erased"], found["rows_left"]) == (value, erased, 7 - erased)


def test_a_file_of_no_one_else_is_left_empty(store):
    table = pa.table({"id": ["cust-1", "cust-1"]})
    pq.write_table(table, store.path(FOLDER + "set.parquet"))
    output, (found,) = erase(store, {"id": "cust-1"}, (FOLDER + "set.parquet", "parquet"))
    assert pq.read_table(store.path(output + found["file"]["name"])).equals(table.slice(0, 0))


@pytest.mark.parametrize(
    ("name", "form"),
    [("absent.parquet", "parquet"), ("torn.parquet", "parquet"), ("torn.jsonl", "json_lines")],
)
def test_what_cannot_be_read_fails_the_job(store, name, form):
    store.text(b'{"id": "cust-1"', FOLDER + "torn.parquet")
    store.text(b'{"id": "cust-1"', FOLDER + "torn.jsonl")
    spec = beginning(store, "erasure") | {
        "erasure": {
            "keys": [{"name": "id", "value": "cust-1"}],
            "files": [{"uri": FOLDER + name, "format": form}],
        }
    }
    code, message = store.failure(spec)
    assert code == "DATA_UNREADABLE"
    assert name in message
