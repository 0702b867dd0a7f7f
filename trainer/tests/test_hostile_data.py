"""Files that are made to hurt: refused in words, by training, validation and batches alike."""

import csv
import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import Store
from test_batch import Bucket

from modelplane_trainer.reading.width import MOST_COLUMNS


class Readers:
    """One file, as each kind of job meets it."""

    def __init__(self, folder) -> None:
        self._folder = folder

    def trained(self, content: bytes, name: str, **changes) -> tuple[str, str]:
        """How a training fails."""
        store, files = self._stored(content, name)
        return store.failure(store.spec(files, "y", **changes))

    def validated(self, content: bytes, name: str, **changes) -> list[dict]:
        """The problems that a look at the file finds."""
        store, files = self._stored(content, name)
        return store.run(store.spec(files, "y", kind="validation", **changes))[-1]["result"]["problems"]

    def scored(self, content: bytes, name: str, **output) -> tuple[dict, list[dict]]:
        """The last event of a batch, and its errors of rows."""
        root = self._folder / "batch"
        root.mkdir()
        bucket = Bucket(root, "csv")
        (root / "data" / name).write_bytes(content)
        file = {"uri": f"s3://data/{name}", "size_bytes": len(content), "etag": "1"}
        bucket.spec["input"] = {"format": _form(name), "files": [file]}
        bucket.spec["output"] |= output
        last = bucket.run()
        errors = [json.loads(line) for each in root.glob("out/errors/*") for line in each.open()]
        return last, errors

    def written(self) -> list[dict[str, str]]:
        """Rows of the CSV that the batch has written."""
        (path,) = self._folder.glob("batch/out/*.csv")
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))

    def _stored(self, content: bytes, name: str) -> tuple[Store, dict]:
        folder = self._folder / f"{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        store = Store(folder)
        uri = f"s3://data/{name}"
        store.path(uri).write_bytes(content)
        return store, {"format": _form(name), "uris": [uri]}


def _form(name: str) -> str:
    return {"csv": "csv", "jsonl": "json_lines", "parquet": "parquet"}[name.rsplit(".", 1)[1]]


@pytest.fixture
def readers(tmp_path):
    return Readers(tmp_path)


def _lines(z: str) -> bytes:
    """60 rows, of which the 31st, in line 32, has a third key."""
    rows = [json.dumps({"x": row, "y": row % 2}) for row in range(60)]
    rows[30] = f'{{"x": 30, "y": 0, "z": {z}}}'
    rows.insert(10, "")
    return "\n".join(rows).encode()


DEEP = {
    "arrays": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "both, mixed with strings of brackets": '["]}\\"]", {"]": ' * 40 + "1" + "}]" * 40,
    "arrays that do not end": "[" * 1_000_000,
}


@pytest.mark.parametrize("z", DEEP.values(), ids=DEEP.keys())
def test_json_lines_that_nest_deep_are_refused_by_their_line(readers, z):
    reason = "objects and arrays nest more than 32 levels deep"
    message = f"a.jsonl cannot be read as JSON lines: in line 32 {reason}."
    assert readers.trained(_lines(z), "a.jsonl") == ("DATA_UNREADABLE", message)
    assert readers.validated(_lines(z), "a.jsonl") == [{"code": "DATA_UNREADABLE", "message": message}]
    last, errors = readers.scored(_lines(z), "a.jsonl")
    assert (last["result"]["rows_scored"], last["result"]["rows_failed"]) == (59, 1)
    assert errors == [{"file": "s3://data/a.jsonl", "row": 30, "reason": reason}]


@pytest.mark.parametrize(
    "z", ["[" * 31 + "]" * 31, '"' + "[{" * 1000 + '\\""', "[[], {}" + ", []" * 100 + "]"]
)
def test_brackets_that_do_not_nest_deep_are_read(readers, z):
    assert readers.validated(_lines(z), "a.jsonl") == []
    last, errors = readers.scored(_lines(z), "a.jsonl")
    assert (last["result"]["rows_scored"], errors) == (60, [])


def _wide(columns: int) -> dict[str, bytes]:
    """60 rows of so many columns, in each format."""
    names = ["x", "y", *(f"c{at}" for at in range(columns - 2))]
    rows = [[row, row % 2, *([1] * (columns - 2))] for row in range(60)]
    cells = [names, *([str(value) for value in row] for row in rows)]
    return {
        "a.csv": "\n".join(map(",".join, cells)).encode(),
        "a.jsonl": "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows).encode(),
        "a.parquet": _parquet(dict(zip(names, zip(*rows, strict=True), strict=True))),
    }


def _parquet(columns) -> bytes:
    content = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), content)
    return content.getvalue().to_pybytes()


WIDE = _wide(MOST_COLUMNS + 1)


@pytest.mark.parametrize("name", WIDE)
def test_more_columns_than_a_sheet_has_are_refused_by_their_number(readers, name):
    content = WIDE[name]
    message = (
        f"{name} has 16,385 columns, more than the 16,384 that a file may have; a row is an example and a "
        "column a feature."
    )
    assert readers.trained(content, name) == ("DATA_UNREADABLE", message)
    assert readers.validated(content, name) == [{"code": "DATA_UNREADABLE", "message": message}]
    last, _ = readers.scored(content, name)
    assert (last["code"], last["message"]) == ("DATA_UNREADABLE", message)


def test_cells_beyond_the_header_are_bounded_as_well(readers):
    content = b"x,y\n" + b"".join(b"1,%d%s\n" % (row % 2, b"," * 100_000) for row in range(3))
    code, message = readers.trained(content, "a.csv")
    assert code == "DATA_UNREADABLE" and message.startswith("a.csv has 100,002 columns")


def test_keys_that_every_row_has_for_itself_are_bounded(readers):
    content = b"".join(b'{"x": 1, "y": 0, "k%d": 1}\n' % row for row in range(40_000))
    code, message = readers.trained(content, "a.jsonl")
    assert code == "DATA_UNREADABLE" and message.startswith(
        "a.jsonl has 32,770 columns, more than the 16,384"
    )


ROWS = 60
NESTED = {
    "list<element: int64>": pa.array([[1, 2]] * ROWS),
    "struct<a: int64>": pa.array([{"a": 1}] * ROWS),
    "fixed_size_list<element: double>[2]": pa.array([[1.0, 2.0]] * ROWS, pa.list_(pa.float64(), 2)),
    "map<string, int64 ('x')>": pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_nested_column_is_no_feature_and_no_target(readers, kind):
    content = _parquet({"x": NESTED[kind], "y": [row % 2 for row in range(ROWS)], "z": range(ROWS)})
    last, _ = readers.scored(content, "a.parquet")
    assert (last["code"], last["message"]) == (
        "DATA_UNFIT",
        f"Column 'x' of a.parquet is {kind}, and to the model it is a feature of type number: no value of a "
        "nested column is one.",
    )
    code, message = readers.trained(content, "a.parquet", feature_columns=["x"])
    assert code == "DATA_UNFIT" and f"'x' holds nested values of type {kind}" in message
    problems = readers.validated(content, "a.parquet", target_column="x")
    assert any(f"'x' holds nested values of type {kind}" in each["message"] for each in problems)


@pytest.mark.parametrize("kind", NESTED)
def test_csv_cannot_hold_a_nested_column(readers, kind):
    content = _parquet({"x": range(ROWS), "tags": NESTED[kind]})
    last, _ = readers.scored(content, "a.parquet", format="csv")
    shown = kind.replace("'x'", "'tags'")
    assert last["code"] == "DATA_UNFIT"
    assert last["message"].startswith(f"CSV cannot hold 'tags', because of types such as {shown};")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(2)])
def test_csv_cannot_hold_bytes_that_are_no_text(readers, kind):
    content = _parquet({"x": range(2), "raw": pa.array([b"ab", b"\xff\x00"], kind)})
    last, _ = readers.scored(content, "a.parquet", format="csv")
    assert (last["code"], last["message"]) == (
        "DATA_UNFIT",
        f"CSV cannot hold 'raw': it is {kind}, and not all of its bytes are UTF-8; name the columns to keep "
        "in passthrough_columns, or write Parquet.",
    )


def test_rows_that_cannot_fit_the_memory_are_refused_before_they_are_read(readers):
    """40 million rows in a few KB: a run of one value takes no bytes, whatever its length."""
    rows = 10_000_000
    table = pa.table({"x": pa.array(np.zeros(rows)), "y": pa.array(np.zeros(rows, np.int8))})
    content = pa.BufferOutputStream()
    with pq.ParquetWriter(content, table.schema, compression="zstd") as writer:
        for _ in range(4):
            writer.write_table(table, row_group_size=rows)
    content = content.getvalue().to_pybytes()
    needed = "40,000,000 rows, which take at least 343 MiB of memory, more than the"
    limit = {"memory_bytes": 1 << 28}
    code, message = readers.trained(content, "a.parquet", **limit)
    assert code == "OUT_OF_MEMORY" and message.startswith(f"a.parquet holds {needed}"), message
    problem, *_ = readers.validated(content, "a.parquet", **limit)
    assert problem["code"] == "OUT_OF_MEMORY"
    assert problem["message"].startswith(f"The data holds {needed} 256 MiB that the job may still use")


def test_texts_that_no_footer_counts_end_in_words_as_well(readers):
    rows = 300_000
    places = pa.array(np.zeros(rows, np.int32))
    text = pa.DictionaryArray.from_arrays(places, pa.array(["long" * 5000]))
    content = _parquet({"x": pa.array(np.zeros(rows)), "y": pa.array(np.arange(rows) % 2), "t": text})
    code, message = readers.trained(content, "a.parquet", memory_bytes=1 << 30)
    assert code == "OUT_OF_MEMORY" and message.startswith(
        "The job needed more than the 1024 MiB of memory allowed"
    )


BLANKS = [
    "",
    *" \t\n\r\v\f\0\x1b\x85\xa0\xad",
    *"\u034f\u061c\u115f\u1160\u1680\u180e\u2000\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e",
    *"\u202f\u205f\u2060\u2061\u2064\u2066\u2069\u206f\u2800\u3000\u3164\ufe0f\ufeff\uffa0",
    "\U000e0020",
    " \u200b\t\ufeff ",
]
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
FORMULAS = [f"{blank}{sign}cmd|'/C calc'!A0" for blank in BLANKS for sign in SIGNS]
HARMLESS = ["", "a=b", "1-2", "x", "-1", "+1.5", "-.5e-3", "'=a", "\u200bword", " word", "東京"]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_csv_safe_quotes_whatever_a_spreadsheet_would_run(readers, kind):
    texts = [*FORMULAS, *HARMLESS]
    values = [text.encode() for text in texts] if "binary" in str(kind) else texts
    column = pa.array(values).cast(kind) if "view" not in str(kind) else pa.array(values, kind)
    content = _parquet({"x": pa.array(np.zeros(len(texts))), "note": column, "note=": column})
    last, _ = readers.scored(content, "a.parquet", format="csv", csv_safe=True)
    assert last["type"] == "succeeded", last
    rows = readers.written()
    assert [row["note"] for row in rows] == [*(f"'{text}" for text in FORMULAS), *HARMLESS]
    assert [row["note="] for row in rows] == [row["note"] for row in rows]


def test_csv_safe_quotes_names_as_well(readers):
    content = _parquet({"x": range(2)} | {name: ["=1+1", "a"] for name in FORMULAS})
    readers.scored(content, "a.parquet", format="csv", csv_safe=True)
    first, second = readers.written()
    assert {first[f"'{name}"] for name in FORMULAS} == {"'=1+1"}
    assert {second[f"'{name}"] for name in FORMULAS} == {"a"}


def test_csv_safe_keeps_bytes_of_a_fixed_width(readers):
    content = _parquet({"x": range(2), "note": pa.array([b"=1", b"ab"], pa.binary(2))})
    readers.scored(content, "a.parquet", format="csv", csv_safe=True)
    assert [row["note"] for row in readers.written()] == ["'=1", "ab"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_csv_safe_holds_for_every_input(readers, name):
    if name == "a.csv":
        content = "x,=note\n" + "".join(
            f'{row},"{text}"\n' for row, text in enumerate(FORMULAS) if "\0" not in text
        )
    else:
        content = "".join(json.dumps({"x": 1, "=note": text}) + "\n" for text in FORMULAS)
    readers.scored(content.encode(), name, format="csv", csv_safe=True)
    rows = readers.written()
    assert len(rows) > 500 and all(row["'=note"].startswith("'") for row in rows)


def test_lines_that_do_not_end_what_they_begin_do_not_nest_in_each_other(readers):
    content = b'{"x": [1\n' * 20_000
    message = (
        "a.jsonl cannot be read as JSON lines: in line 1 the line is not a JSON object: it ends within one; "
        "write each in one line."
    )
    assert readers.trained(content, "a.jsonl") == ("DATA_UNREADABLE", message)
    assert readers.scored(content, "a.jsonl")[0]["code"] == "TOO_MANY_ERRORS"


CELLS = "x,y\n" + "".join(f"{row},{row % 2}\n" for row in range(60))
OBJECTS = "".join(json.dumps({"x": row, "y": row % 2}) + "\n" for row in range(60))
MISTAKEN = [
    ("a.csv", gzip.compress(CELLS.encode()), "a.csv is not CSV but a gzip archive; unpack it first."),
    (
        "a.jsonl",
        gzip.compress(CELLS.encode()),
        "a.jsonl is not JSON lines but a gzip archive; unpack it first.",
    ),
    ("a.parquet", CELLS.encode(), "a.parquet is not a Parquet file but text."),
    ("a.csv", OBJECTS.encode(), "a.csv is not CSV but JSON."),
    (
        "a.csv",
        CELLS.encode("utf-16-le"),
        "a.csv looks like UTF-16 without a byte order mark; write it as UTF-8.",
    ),
    ("a.csv", b"", "a.csv is empty: a file starts with column names or holds rows that name them."),
]


@pytest.mark.parametrize(("name", "content", "message"), MISTAKEN)
def test_what_is_taken_for_data_by_mistake_is_named(readers, name, content, message):
    assert readers.trained(content, name) == ("DATA_UNREADABLE", message)
    assert readers.validated(content, name) == [{"code": "DATA_UNREADABLE", "message": message}]
    assert readers.scored(content, name)[0]["message"] == message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it ends within one; write each in one line"),
        ('{"x": 1, "y": 0},', "Extra data, at character 17"),
        ("{'x': 1, 'y': 0}", "Expecting property name enclosed in double quotes, at character 2"),
    ],
)
def test_a_line_that_is_no_object_is_told_by_its_place_in_the_line(readers, line, reason):
    content = (OBJECTS + line + "\n").encode()
    reason = f"the line is not a JSON object: {reason}"
    message = f"a.jsonl cannot be read as JSON lines: in line 61 {reason}."
    assert readers.trained(content, "a.jsonl") == ("DATA_UNREADABLE", message)
    assert readers.validated(content, "a.jsonl") == [{"code": "DATA_UNREADABLE", "message": message}]
    assert readers.scored(content, "a.jsonl")[1] == [
        {"file": "s3://data/a.jsonl", "row": 60, "reason": reason}
    ]
