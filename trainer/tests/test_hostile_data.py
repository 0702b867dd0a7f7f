"""Files that are made to hurt: refused in words, by training, validation and batches alike."""

import json

import pytest
from cases import Store
from test_batch import Bucket


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
