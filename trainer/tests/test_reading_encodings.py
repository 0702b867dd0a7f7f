"""Bytes are read as what they are, or refused as what they are."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest
from agreement import Reading
from cases import simple
from tables_as_text import PLANS, ROWS, lines, plans

from modelplane_trainer.failures import JobFailure

CHECK = "check-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e"


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
    def test_are_read_alike(self, store, encoding):
        marks = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
        text = plans().replace("gold", "Gött€r").replace("plan", "plän")
        read = Reading(store, store.text(marks.get(encoding, b"") + text.encode(encoding)))
        assert read.texts("plän") == [PLANS[place % 3].replace("gold", "Gött€r") for place in range(ROWS)]
        assert any("cp1252" in warning for warning in read.warnings) == (encoding == "cp1252")

    def test_says_how_many_bytes_have_no_meaning(self, store):
        content = plans().encode().replace(b"gold", b"\x80\x81")
        read = Reading(store, store.text(content))
        assert read.texts("plan")[1] == "€\x81"
        assert any("20 bytes have no meaning" in warning for warning in read.warnings)

    def test_that_are_damaged_are_not_guessed(self, store):
        content = plans().replace("gold", "Köln").encode()
        content = content.replace("Köln".encode(), b"K\xc3ln", 1)
        code, message = store.failure(store.spec(store.text(content), "y"))
        assert code == "DATA_UNREADABLE" and "UTF-8 but for 1 bytes, the first in line 3" in message

    @pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("kind", "phrase"),
        [
            ("gzip", "gzip archive; unpack it first"),
            ("zip", "zip archive"),
            ("xlsx", "Excel workbook"),
            ("parquet", "a Parquet file"),
            ("onnx", "an ONNX model"),
            ("html", "an HTML page"),
            ("orc", "an ORC file"),
            ("feather", "a Feather file"),
            ("arrow", "an Arrow file"),
            ("stream", "an Arrow stream"),
            ("sqlite", "an SQLite database"),
            ("tar", "a tar archive"),
            ("lz4", "an lz4 archive"),
            ("zeros", "a binary file"),
        ],
    )
    def test_of_other_kinds_of_files_are_named(self, store, ending, kind, phrase):
        if kind == ending:
            pytest.skip("that is what it is")
        if (kind, ending) == ("zeros", "parquet"):
            phrase = "not a readable Parquet file"
        uri = f"s3://data/a.{ending}"
        store.path(uri).write_bytes(self.content(store, kind))
        form = {"jsonl": "json_lines"}.get(ending, ending)
        files = {"format": form, "uris": [uri]}
        code, message = store.failure(store.spec(files, "y"))
        assert code == "DATA_UNREADABLE" and phrase in message and f"a.{ending}" in message
        checked = store.run(store.spec(files, "y", kind="validation", job_id=CHECK))[-1]["result"]
        assert [each["code"] for each in checked["problems"]] == ["DATA_UNREADABLE"]
        assert phrase in checked["problems"][0]["message"]
        with pytest.raises(JobFailure, match=phrase):
            Reading(store, store.text(plans())).score(files)

    def content(self, store, kind):
        if kind == "gzip":
            return gzip.compress(plans().encode())
        if kind in ("zip", "xlsx"):
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w") as archive:
                archive.writestr("xl/workbook.xml" if kind == "xlsx" else "a.csv", plans())
            return made.getvalue()
        if kind == "parquet":
            made = io.BytesIO()
            pq.write_table(pa.table(simple(ROWS)), made)
            return made.getvalue()
        if kind == "onnx":
            return b"\x08\x0a\x12\x07skl2onnx\x1a\x061.20.0" + bytes(200)
        if kind in ("tar", "zeros", "sqlite", "lz4"):
            return {
                "tar": b"a.csv" + bytes(252) + b"ustar\x0000" + bytes(248),
                "zeros": bytes(600),
                "sqlite": b"SQLite format 3\0" + bytes(84),
                "lz4": pa.Codec("lz4").compress(plans().encode(), asbytes=True),
            }[kind]
        if kind in ("orc", "feather", "arrow", "stream"):
            return self.arrow(kind)
        return b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"

    @pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), "dictionary"])
    @pytest.mark.parametrize("text", [b"\xff\xfe", b"K\xf6ln", b"\xed\xa0\x80"])
    def test_of_parquet_that_are_no_text_are_named(self, store, kind, text):
        good = pa.array([b"a", b"b", b"c"] * 20)
        bad = pa.array([text, b"b", b"c"] * 20)
        files = []
        for at, values in enumerate((good, bad)):
            is_dictionary = kind == "dictionary"
            array = values.view(pa.string()) if is_dictionary else values.view(pa.string()).cast(kind)
            columns = simple(ROWS, t=array.dictionary_encode() if is_dictionary else array)
            files.append(store.parquet(columns, f"s3://data/{at}.parquet"))
        code, message = store.failure(store.spec(files[1], "y"))
        assert (code, message) == (
            "DATA_UNREADABLE",
            "Column 't' of 1.parquet holds texts that are not UTF-8.",
        )
        read = Reading(store, files[0])
        with pytest.raises(JobFailure, match="not UTF-8"):
            read.score(files[1])

    @pytest.mark.parametrize(
        "content",
        [
            b"\xef\xbb\xbf" + plans().replace("gold", "g\u00f6ld").encode("cp1252"),
            plans().encode().replace(b"gold", b"go" + b"\xc3\xb6" * 4 + b"\xed\xa0\xbdld"),
        ],
    )
    def test_of_what_begins_or_mostly_is_utf_8_are_named(self, store, content):
        code, message = store.failure(store.spec(store.text(content), "y"))
        assert code == "DATA_UNREADABLE" and "is UTF-8 but for" in message and "in line 3" in message

    def arrow(self, kind):
        made, table = io.BytesIO(), pa.table(simple(ROWS))
        if kind == "orc":
            orc.write_table(table, made)
        elif kind == "feather":
            return b"FEA1" + bytes(200) + b"FEA1"
        else:
            new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
            with new(made, table.schema) as writer:
                writer.write_table(table)
        return made.getvalue()

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("ending", ["csv", "jsonl"])
    def test_of_utf_16_without_a_mark_are_named(self, store, encoding, ending):
        content = plans() if ending == "csv" else lines([{"x": place, "y": 1} for place in range(ROWS)])
        files = store.text(content.encode(encoding), f"s3://data/a.{ending}")
        code, message = store.failure(store.spec(files, "y"))
        assert code == "DATA_UNREADABLE" and "looks like UTF-16" in message
