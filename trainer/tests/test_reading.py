"""One way to read a table: what training, a batch and single rows make of the same bytes."""

import gzip
import io
import json
import zipfile
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agreement import Agreement, Reading
from cases import simple

from modelplane_trainer.failures import JobFailure

ROWS = 60
PLANS = ["free", "gold", "basic"]


def csv(names, rows, separator=",", end="\n"):
    return end.join([separator.join(names), *(separator.join(map(str, row)) for row in rows), ""])


def numbered(cells, name="x"):
    """A CSV file of one column and a target that is never missing."""
    return csv([name, "y"], [(cell, place % 2) for place, cell in enumerate(cells)])


def plans(end="\n", separator=",", before="", quote=""):
    rows = [(place / 4, f"{before}{quote}{PLANS[place % 3]}{quote}", place % 2) for place in range(ROWS)]
    return csv(["price", "plan", "y"], rows, separator, end)


class TestDialects:
    """However a CSV file is written, `price` is a number and `plan` has three values."""

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize(("before", "quote"), [("", ""), ("", '"'), (" ", '"'), ("   ", '"'), (" ", "")])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_is_read_alike(self, store, separator, end, before, quote, mark):
        content = mark + plans(end, separator, before, quote).encode()
        self.expect(Reading(store, store.text(content)))

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: "\n" + text,
            lambda text: " \n\r\n\n" + text,
            lambda text: text.replace("\n", "\n\n"),
            lambda text: text.replace("\n", "\n   \n", 20),
            lambda text: text.rstrip("\n"),
            lambda text: text.replace("\n", ",\n"),
            lambda text: text.replace("\n", ",,,\n"),
            lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1),
            lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 3),
            lambda text: text.replace("\n", "\r\n", 20),
            lambda text: text.replace("\n", "\r", 20),
            lambda text: text.replace("price", '" price "'),
            lambda text: text.replace("price", "  price  "),
            lambda text: "sep=,\n" + text,
            lambda text: text.replace("gold", "  gold "),
            lambda text: text.replace("gold", '"gold" '),
        ],
    )
    def test_that_is_odd_is_read_alike(self, store, change):
        self.expect(Reading(store, store.text(change(plans()))))

    def expect(self, read):
        assert list(read.columns) == ["price", "plan"]
        assert read.columns["price"].kind == "number"
        assert read.columns["price"].numbers.tolist() == [place / 4 for place in range(ROWS)]
        assert read.texts("plan") == [PLANS[place % 3] for place in range(ROWS)]
        assert read.errors == {}

    def test_of_two_lines_in_a_name(self, store):
        content = plans().replace("price", '"price\nin €"')
        assert list(Reading(store, store.text(content)).columns) == ["price\nin €", "plan"]

    def test_of_separators_in_names(self, store):
        content = plans(separator="\t").replace("price", "price, net\tof, all\tsorts, too", 1)
        content = content.replace("\tfree", "\t1\t2\tfree").replace("\tgold", "\t2\t1\tgold")
        content = content.replace("\tbasic", "\t1\t3\tbasic")
        assert list(Reading(store, store.text(content)).columns) == [
            "price, net",
            "of, all",
            "sorts, too",
            "plan",
        ]

    def test_of_short_rows_is_padded_and_told(self, store):
        lines = csv(["y", "price", "plan"], [(place % 2, place, PLANS[place % 3]) for place in range(ROWS)])
        lines = lines.split("\n")
        lines[5], lines[9] = "0,4", "0"
        read = Reading(store, store.text("\n".join(lines)))
        assert any("2 rows with fewer fields" in warning for warning in read.warnings)
        assert [place for place, text in enumerate(read.texts("plan")) if text is None] == [4, 8]
        assert read.short == 2 and read.errors == {}

    @pytest.mark.parametrize("block_bytes", [200, 8 << 20])
    def test_of_long_rows_is_refused_by_its_line(self, store, block_bytes):
        lines = plans().split("\n")
        lines[40] = "1,gold,0,more"
        lines.insert(7, "")
        files = store.text("\n".join(lines), "s3://data/long.csv")
        code, message = store.failure(store.spec(files, "y"))
        assert code == "DATA_UNREADABLE" and "line 42 has more fields than the 3 of the header" in message
        read = Reading(store, store.text(plans()), block_bytes=block_bytes)
        assert read.score(files).errors == {39: ["the row has 4 fields instead of 3"]}

    @pytest.mark.parametrize("quote", ['"', 'x"'])
    def test_of_quotes_that_are_not_closed(self, store, quote):
        content = plans().replace("gold", quote, 1)
        read = Reading(store, store.text(plans()))
        if quote == '"':
            with pytest.raises(JobFailure, match="quotes that open in line 3 or below are not closed"):
                Reading(store, store.text(content))
            with pytest.raises(JobFailure, match="are not closed"):
                read.score(store.text(content))
        else:
            assert Reading(store, store.text(content)).texts("plan")[1] == 'x"'

    def test_of_names_alone_or_of_nothing(self, store):
        with pytest.raises(JobFailure, match="a header but no rows"):
            Reading(store, store.text("price,plan,y\n"))
        for content in ("", "\n \n", "\ufeff"):
            with pytest.raises(JobFailure, match="is empty"):
                Reading(store, store.text(content))

    @pytest.mark.parametrize("content", ["", "\n", "price,plan,y\n", "price,plan,y"])
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_of_parts_without_rows(self, store, content, place):
        contents = [plans(), plans(separator=";")]
        contents.insert(place, content)
        uris = [store.text(each, f"s3://data/part-{at}.csv")["uris"][0] for at, each in enumerate(contents)]
        read = Reading(store, {"format": "csv", "uris": uris})
        assert len(read.columns["price"].numbers) == 2 * ROWS
        assert any(f"part-{place}.csv" in warning and "held no rows" in warning for warning in read.warnings)

    def test_of_columns_in_another_order(self, store):
        other = csv(["y", "plan", "price"], [(place % 2, PLANS[place % 3], place) for place in range(ROWS)])
        uris = [
            store.text(each, f"s3://data/part-{at}.csv")["uris"][0]
            for at, each in enumerate((plans(), other))
        ]
        assert set(Reading(store, {"format": "csv", "uris": uris}).texts("plan")) == set(PLANS)

    def test_with_a_name_twice(self, store):
        with pytest.raises(JobFailure, match="more than one column named 'plan'"):
            Reading(store, store.text(plans().replace("price", " plan ")))


class TestCells:
    @pytest.mark.parametrize(
        ("cells", "kind", "values"),
        [
            (["0x1F", "0xA", "-0x1", "7"], "integer", [31, 10, -1, 7]),
            (["+5", "-7", "0", "12"], "number", [5, -7, 0, 12]),
            (["1e3", "1.", ".5", "-2E-1"], "number", [1000, 1, 0.5, -0.2]),
            (["12,5", "3", "-0,25", "1000,125"], "number", [12.5, 3, -0.25, 1000.125]),
            (["1.234,5", "12", "1.234.567", "-3,5"], "number", [1234.5, 12, 1234567, -3.5]),
            (["1,234.5", "12", "1,234,567", "-3.5"], "number", [1234.5, 12, 1234567, -3.5]),
            (["1,234", "12", "1,234,567", "-300"], "integer", [1234, 12, 1234567, -300]),
            (["1,23,456.5", "12", "12,34,567", "-3.5"], "number", [123456.5, 12, 1234567, -3.5]),
            (["1 234,5", "12", "1\u00a0234\u202f567", "-3"], "number", [1234.5, 12, 1234567, -3]),
            (["1'234.5", "12", "1'234'567", "-3"], "number", [1234.5, 12, 1234567, -3]),
            (["$5", "-$7.5", "$ 1,000", "12"], "number", [5, -7.5, 1000, 12]),
            (["5 €", "-7,5 €", "1.000,25 €", "12"], "number", [5, -7.5, 1000.25, 12]),
            (["12%", "7.5 %", "0%", "-3%"], "number", [12, 7.5, 0, -3]),
            (["\u22125", "7", "\u22120.5", "1"], "number", [-5, 7, -0.5, 1]),
            (["true", "False", "TRUE", "false"], "boolean", [1, 0, 1, 0]),
        ],
    )
    def test_are_numbers_in_many_forms(self, store, cells, kind, values):
        quoted = [f'"{cell}"' for cell in cells]
        read = Reading(store, store.text(numbered(quoted * 15)))
        assert read.columns["x"].kind == kind
        assert np.allclose(read.columns["x"].numbers, values * 15)

    @pytest.mark.parametrize(
        "marker",
        [
            "",
            " ",
            "None",
            "#N/A",
            "n/a",
            "\\N",
            "-",
            "<NA>",
            "NA",
            "N/A",
            "?",
            "null",
            "NaN",
            "--",
            "#DIV/0!",
        ],
    )
    @pytest.mark.parametrize("kind", ["number", "timestamp", "boolean"])
    def test_that_are_missing_cost_no_column(self, store, marker, kind):
        cells = {
            "number": [f"{place / 7:.4f}" for place in range(ROWS)],
            "timestamp": [f"2024-03-{place % 28 + 1:02}" for place in range(ROWS)],
            "boolean": [["true", "false"][place % 3 == 0] for place in range(ROWS)],
        }[kind]
        cells[17] = cells[40] = marker
        read = Reading(store, store.text(numbered(cells)))
        column = read.columns["x"]
        assert column.kind == kind and np.flatnonzero(column.missing).tolist() == [17, 40]
        assert read.errors == {}
        if marker:
            (warning,) = read.warnings
            assert "'x'" in warning and "2" in warning and "row 17 of train.csv" in warning
            assert json.dumps(marker) in warning

    @pytest.mark.parametrize(
        ("odd", "kind"), [("#REF", "number"), ("soon", "timestamp"), ("perhaps", "boolean")]
    )
    def test_that_are_odd_are_missing_and_named(self, store, odd, kind):
        cells = {
            "number": [f"{place / 7:.4f}" for place in range(ROWS)],
            "timestamp": [f"2024-03-{place % 28 + 1:02}" for place in range(ROWS)],
            "boolean": [["true", "false"][place % 3 == 0] for place in range(ROWS)],
        }[kind]
        cells[23] = odd
        read = Reading(store, store.text(numbered(cells)))
        column = read.columns["x"]
        assert column.kind == kind and np.flatnonzero(column.missing).tolist() == [23]
        (warning,) = read.warnings
        assert "1 of 60 values" in warning and f'"{odd}" in row 23 of train.csv' in warning
        assert list(read.errors) == [23] and odd in read.errors[23][0]

    def test_of_many_kinds_are_text(self, store):
        read = Reading(store, store.text(numbered(["12", "many", "few"] * 20)))
        assert read.texts("x") == ["12", "many", "few"] * 20

    def test_with_two_currencies_are_text(self, store):
        read = Reading(store, store.text(numbered(["$5", "€5", "€7"] * 20)))
        assert read.columns["x"].kind == "string"

    def test_whose_commas_could_mean_two_things_are_told(self, store):
        cells = [f'"1,{place + 100}"' for place in range(ROWS)]
        read = Reading(store, store.text(numbered(cells)))
        assert read.columns["x"].numbers[0] == 1100
        assert any("one of thousands" in warning for warning in read.warnings)
        other = (
            numbered([f"1,{place + 100}" for place in range(ROWS)])
            .replace(",0\n", ";0\n")
            .replace(",1\n", ";1\n")
        )
        read = Reading(store, store.text(other.replace("x,y", "x;y")))
        assert read.columns["x"].numbers[0] == 1.1
        assert any("a decimal comma" in warning for warning in read.warnings)

    def test_of_digits_with_leading_zeros_are_codes(self, store):
        codes = [f"{place * 37 % 20:05}" for place in range(ROWS)]
        read = Reading(store, store.text(numbered(codes)))
        assert read.texts("x") == codes
        assert any("'00000'" in warning and "feature_types" in warning for warning in read.warnings)
        asked = Reading(store, store.text(numbered(codes)), feature_types={"x": "number"})
        assert asked.columns["x"].numbers[1] == 17
        mixed = [*codes[:30], *(str(place) for place in range(30))]
        read = Reading(store, store.text(numbered(mixed)))
        assert read.columns["x"].kind == "integer"
        assert any("leading zeros" in warning for warning in read.warnings)

    def test_of_a_word_for_missing_that_is_a_value(self, store):
        cells = [["NA", "EU", "AP"][place % 3] for place in range(ROWS)]
        read = Reading(store, store.text(numbered(cells)))
        assert read.texts("x") == [None, "EU", "AP"] * 20
        assert any("20 rows that say 'NA'" in warning for warning in read.warnings)
        asked = Reading(store, store.text(numbered(cells)), feature_types={"x": "category"})
        assert asked.texts("x") == cells
        lines = "".join(json.dumps({"x": cell, "y": place % 2}) + "\n" for place, cell in enumerate(cells))
        typed = Reading(store, store.text(lines, "s3://data/a.jsonl"))
        assert typed.texts("x") == cells
        # What training took for a value is one in every format, and so is what it took for missing.
        assert typed.score(store.text(numbered(cells))).texts("x") == cells
        assert read.score(store.text(lines, "s3://data/a.jsonl")).texts("x") == [None, "EU", "AP"] * 20

    @pytest.mark.parametrize(
        ("text", "milliseconds"),
        [
            ("2024-06-19 10:00:00+00", 1718791200000),
            ("2024-06-19 10:00:00.5+05:30", 1718771400500),
            ("2024-06-19 10:00:00.123456 UTC", 1718791200123),
            ("2024-06-19 10:00:00 UTC", 1718791200000),
            ("2024-06-19T10:00:00Z", 1718791200000),
            ("2024-06-19 10:00:00 +0200", 1718784000000),
            ("2024-06-19", 1718755200000),
            ("9999-12-31", 253402214400000),
            ("0001-01-01", -62135596800000),
        ],
    )
    def test_are_times_in_the_forms_of_databases(self, store, text, milliseconds):
        cells = [text, *(f"2024-0{place % 9 + 1}-01" for place in range(ROWS - 1))]
        read = Reading(store, store.text(numbered(cells)))
        assert read.columns["x"].kind == "timestamp"
        assert read.columns["x"].numbers[0] == milliseconds

    def test_with_nul_characters_are_refused(self, store):
        content = plans().replace("gold", "go\0ld")
        code, message = store.failure(store.spec(store.text(content), "y"))
        assert code == "DATA_UNFIT" and "'plan' holds texts with a NUL character" in message


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
        ],
    )
    def test_of_other_kinds_of_files_are_named(self, store, ending, kind, phrase):
        if kind == ending:
            pytest.skip("that is what it is")
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
        return b"<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n"

    def test_of_utf_16_without_a_mark_are_named(self, store):
        code, message = store.failure(store.spec(store.text(plans().encode("utf-16-le")), "y"))
        assert code == "DATA_UNREADABLE" and "looks like UTF-16" in message


CHECK = "check-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e"


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


class TestJsonLines:
    def rows(self, **more):
        return [{"x": place / 4, "y": place % 2} | more for place in range(ROWS)]

    def read(self, store, content, **changes):
        return Reading(store, store.text(content, "s3://data/a.jsonl"), **changes)

    def test_nan_is_missing_and_infinity_told(self, store):
        rows = self.rows()
        rows[3]["x"], rows[9]["x"] = float("nan"), float("inf")
        read = self.read(store, lines(rows))
        assert np.flatnonzero(read.columns["x"].missing).tolist() == [3, 9]
        assert list(read.errors) == [9] and "Infinity" in read.errors[9][0]

    def test_text_stays_text(self, store):
        rows = [{"zip": f"{place % 9:05}", "y": f"0{place % 2}"} for place in range(ROWS)]
        read = self.read(store, lines(rows))
        assert read.texts("zip") == [row["zip"] for row in rows]

    def test_one_odd_value_is_missing_and_named(self, store):
        rows = self.rows()
        rows[11]["x"] = "#REF"
        read = self.read(store, lines(rows))
        assert read.columns["x"].kind == "number" and np.flatnonzero(read.columns["x"].missing).tolist() == [
            11
        ]
        assert any(
            "1 of 60 values" in each and '"#REF" in row 11 of a.jsonl' in each for each in read.warnings
        )
        assert list(read.errors) == [11]

    def test_first_rows_may_be_null_or_lack_the_key(self, store):
        rows = self.rows()
        for row in rows[:30]:
            row["x"] = None
        rows[1].pop("x")
        read = self.read(store, lines(rows))
        assert read.columns["x"].kind == "number" and read.columns["x"].missing.sum() == 30

    def test_parts_may_widen_lack_or_reorder(self, store):
        parts = [
            [{"x": None, "y": place % 2} for place in range(20)],
            [{"y": place % 2, "x": place} for place in range(20)],
            [{"x": place / 3, "y": place % 2} for place in range(20)],
            [],
        ]
        uris = [
            store.text(lines(part), f"s3://data/part-{at}.jsonl")["uris"][0] for at, part in enumerate(parts)
        ]
        read = Reading(store, {"format": "json_lines", "uris": uris})
        assert read.columns["x"].kind == "number" and read.columns["x"].missing.sum() == 20

    def test_nested_values_are_left_out(self, store):
        rows = [row | {"nested": [1, {"a": place}]} for place, row in enumerate(self.rows())]
        read = self.read(store, lines(rows))
        assert list(read.columns) == ["x"] and read.refused == {"nested": "holds nested values"}

    @pytest.mark.parametrize(
        ("content", "phrase"),
        [
            (b'[{"x": 1, "y": 0},\n {"x": 2, "y": 1}]\n', "holds a JSON array"),
            (b"\xef\xbb\xbf [\n", "holds a JSON array"),
            (b'{"x": 1, "y": 0}\n' * 12 + b'{"x": "K\xf6ln"}\n', "in line 13 the line is not UTF-8"),
            (b'{"x": 1, "y": 0}\n\n' * 12 + b'{"x": 1,\n', "in line 25 the line is not a JSON object"),
            (b'{"x": 1, "y": 0}\n' * 12 + b"7\n", "in line 13 the line is not a JSON object"),
        ],
    )
    def test_what_is_wrong_is_said(self, store, content, phrase):
        files = store.text(content, "s3://data/bad.jsonl")
        code, message = store.failure(store.spec(files, "y"))
        assert code == "DATA_UNREADABLE" and phrase in message
        scored = self.read(store, lines(self.rows()))
        if "array" in phrase:
            with pytest.raises(JobFailure, match="JSON array"):
                scored.score(files)
        else:
            assert list(scored.score(files).errors) == [12]

    def test_proto_is_refused(self, store):
        content = lines(self.rows(__proto__=1))
        code, message = store.failure(store.spec(store.text(content, "s3://data/a.jsonl"), "y"))
        assert code == "DATA_UNFIT" and "'__proto__'" in message

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_of_other_encodings(self, store, encoding):
        read = self.read(store, lines(self.rows(t="ü")).encode(encoding))
        assert read.columns["x"].numbers[3] == 0.75


class TestParquet:
    def test_types_are_kept(self, store):
        zips = [f"{place % 9:05}" for place in range(ROWS)]
        labels = [f"0{place % 2 + 1}" for place in range(ROWS)]
        read = Reading(store, store.parquet({"zip": zips, "y": labels}))
        assert read.texts("zip") == zips

    def test_parts_may_widen(self, store):
        whole = [place % 7 for place in range(ROWS)]
        kinds = [
            pa.nulls(ROWS),
            pa.array(whole, pa.int32()),
            pa.array(whole, pa.float64()),
            pa.array(whole, pa.int8()).dictionary_encode(),
        ]
        for first in range(len(kinds)):
            turned = [*kinds[first:], *kinds[:first]]
            uris = [
                store.parquet(simple(ROWS, k=kind), f"s3://data/{first}/part-{at}.parquet")["uris"][0]
                for at, kind in enumerate(turned)
            ]
            read = Reading(store, {"format": "parquet", "uris": uris})
            assert read.columns["k"].missing.sum() == ROWS

    def test_times_of_several_units_and_zones(self, store):
        moments = [datetime(2024, 1, 1) + timedelta(hours=place) for place in range(ROWS)]
        kinds = [
            pa.timestamp("ns"),
            pa.timestamp("us", tz="Europe/Berlin"),
            pa.timestamp("s"),
            pa.date32(),
            pa.date64(),
        ]
        uris = [
            store.parquet(
                simple(ROWS, t=pa.array(moments).cast(kind, safe=False)), f"s3://data/{at}.parquet"
            )["uris"][0]
            for at, kind in enumerate(kinds)
        ]
        read = Reading(store, {"format": "parquet", "uris": uris})
        hours = read.columns["t"].numbers[: 3 * ROWS] / 3_600_000
        assert np.array_equal(hours[:ROWS], hours[ROWS : 2 * ROWS])
        assert np.array_equal(hours[:ROWS], hours[2 * ROWS :])

    @pytest.mark.parametrize("version", ["int96", "us", "ms"])
    def test_times_far_away_are_right(self, store, version):
        ends = [[date(9999, 12, 31), date(2024, 1, 1), date(1500, 1, 1)][place % 3] for place in range(ROWS)]
        table = pa.table(
            simple(ROWS, end=pa.array(ends).cast(pa.timestamp("ms" if version == "ms" else "us")))
        )
        uri = "s3://data/a.parquet"
        pq.write_table(table, store.path(uri), use_deprecated_int96_timestamps=version == "int96")
        read = Reading(store, {"format": "parquet", "uris": [uri]})
        assert read.columns["end"].numbers[:3].tolist() == [253402214400000, 1704067200000, -14831769600000]

    def test_times_beyond_the_calendar_are_missing_and_told(self, store):
        far = pa.array([2**62, *range(ROWS - 1)], pa.int64()).cast(pa.timestamp("us"))
        read = Reading(store, store.parquet(simple(ROWS, t=far)))
        assert np.flatnonzero(read.columns["t"].missing).tolist() == [0]
        assert list(read.errors) == [0] and any("outside the years" in each for each in read.warnings)

    def test_indexes_of_pandas_are_no_features(self, store):
        frame = pd.DataFrame(simple(ROWS)).sample(frac=1, random_state=1)
        by_name = frame.assign(key=np.arange(ROWS)).set_index("key")
        for each, name in ((frame, "__index_level_0__"), (by_name, "key")):
            uri = "s3://data/a.parquet"
            each.to_parquet(store.path(uri), index=True)
            read = Reading(store, {"format": "parquet", "uris": [uri]})
            assert read.refused == {name: "is the index of a data frame"}
            asked = Reading(store, {"format": "parquet", "uris": [uri]}, feature_columns=["x", name])
            assert list(asked.columns) == ["x", name]

    def test_the_index_of_to_csv_is_no_feature(self, store):
        frame = pd.DataFrame(simple(ROWS)).sample(frac=1, random_state=1)
        once = frame.to_csv()
        twice = pd.read_csv(io.StringIO(once)).to_csv(index=False)
        thrice = pd.read_csv(io.StringIO(once)).to_csv()
        for content, names in ((once, [""]), (twice, ["Unnamed: 0"]), (thrice, ["", "Unnamed: 0"])):
            read = Reading(store, store.text(content))
            assert list(read.columns) == ["x"] and list(read.refused) == names

    def test_nullable_types_and_categories_are_what_they_say(self, store):
        frame = pd.DataFrame(simple(ROWS))
        frame["n"] = pd.array([None, *range(ROWS - 1)], "Int64")
        frame["b"] = pd.array([None, *([True, False, False] * 20)[:-1]], "boolean")
        frame["c"] = pd.Categorical([["01", "02", None][place % 3] for place in range(ROWS)])
        frame["s"] = pd.array([["01", "02", None][place % 3] for place in range(ROWS)], "string")
        uri = "s3://data/a.parquet"
        frame.to_parquet(store.path(uri))
        read = Reading(store, {"format": "parquet", "uris": [uri]})
        kinds = {name: column.kind for name, column in read.columns.items()}
        assert kinds == {"x": "number", "n": "integer", "b": "boolean", "c": "string", "s": "string"}
        assert read.columns["n"].missing.sum() == 1 and read.columns["b"].missing.sum() == 1
        assert read.texts("c") == read.texts("s") == ["01", "02", None] * 20

    def test_empty_parts(self, store):
        full = pa.table(simple(ROWS))
        uris = [
            store.parquet(part, f"s3://data/part-{at}.parquet")["uris"][0]
            for at, part in enumerate(
                [full.slice(0, 0), full, pa.table({"x": pa.nulls(0), "y": pa.nulls(0)})]
            )
        ]
        store.path("s3://data/part-9.parquet").write_bytes(b"")
        read = Reading(store, {"format": "parquet", "uris": [*uris, "s3://data/part-9.parquet"]})
        assert len(read.columns["x"].numbers) == ROWS


class TestFolders:
    @pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
    def test_that_name_a_value_are_columns(self, store, ending):
        uris = []
        for plan in ("gold", "free", "a%20b", "__HIVE_DEFAULT_PARTITION__"):
            for year in (2023, 2024):
                uri = f"s3://data/plan={plan}/year={year}/part.{ending}"
                rows = [{"x": place / 4, "y": place % 2} for place in range(ROWS)]
                if ending == "parquet":
                    store.parquet(simple(ROWS), uri)
                else:
                    content = (
                        lines(rows) if ending == "jsonl" else csv(["x", "y"], [row.values() for row in rows])
                    )
                    store.text(content, uri)
                uris.append(uri)
        read = Reading(store, {"format": {"jsonl": "json_lines"}.get(ending, ending), "uris": uris})
        assert list(read.columns) == ["x", "plan", "year"]
        assert sorted(set(read.texts("plan")) - {None}) == ["a b", "free", "gold"]
        assert read.columns["year"].kind == "integer" and set(read.columns["year"].numbers) == {2023, 2024}


class TestFeatureTypes:
    def test_that_name_no_column(self, store):
        spec = store.spec(store.parquet(simple(ROWS)), "y", feature_types={"z": "number"})
        code, message = store.failure(spec)
        assert code == "COLUMN_NOT_FOUND" and "feature_types: no column 'z'" in message

    @pytest.mark.parametrize(
        ("values", "asked", "phrase"),
        [
            (["a", "b", "c"], "number", '60 of 60 values are not a number, such as the text "a" in row 0'),
            (["a", "b", "c"], "time", "not a date or time"),
            (["a", "b", "c"], "boolean", "not true or false"),
            ([1, 2, 3], "boolean", "numbers such as 2"),
            ([1.5, 2, 3], "time", "no whole milliseconds since 1970"),
            ([date(2024, 1, 1)] * 3, "number", "it holds dates or times"),
            ([[1]] * 3, "category", "holds nested values"),
        ],
    )
    def test_that_are_impossible(self, store, values, asked, phrase):
        spec = store.spec(store.parquet(simple(ROWS, k=values * 20)), "y", feature_types={"k": asked})
        code, message = store.failure(spec)
        assert code == "DATA_UNFIT" and f"says {asked} for column 'k'" in message and phrase in message

    @pytest.mark.parametrize(
        ("values", "asked", "expected"),
        [
            (["1", "2.5", "NA"], "number", [1, 2.5, None]),
            (["yes", "no", ""], "boolean", [1, 0, None]),
            ([1, 0, None], "boolean", [1, 0, None]),
            ([True, False, None], "number", [1, 0, None]),
            ([1700000000000, 0, None], "time", [1700000000000, 0, None]),
            ([1, 2, None], "category", ["1", "2", None]),
            ([1.5, 2.0, None], "category", ["1.5", "2", None]),
            ([True, False, None], "category", ["true", "false", None]),
            (["2024-01-01", "2024-01-02", None], "category", ["2024-01-01", "2024-01-02", None]),
        ],
    )
    @pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
    def test_decide_in_every_format(self, store, values, asked, expected, form):
        values = values * 20
        target = [place % 2 for place in range(ROWS)]
        if form == "parquet":
            files = store.parquet({"k": values, "y": target})
        elif form == "jsonl":
            rows = [{"k": value, "y": place} for value, place in zip(values, target, strict=True)]
            files = store.text(lines(rows), "s3://data/a.jsonl")
        else:
            cells = ["" if value is None else value for value in values]
            files = store.text(csv(["k", "y"], zip(cells, target, strict=True)))
            if asked == "category" and isinstance(values[0], bool | float):
                pytest.skip("CSV has no types, so the cell is the text")
        read = Reading(store, files, feature_types={"k": asked})
        if asked == "category":
            assert read.texts("k") == expected * 20
        else:
            found = read.columns["k"].numbers.tolist()[:3]
            assert [None if np.isnan(value) else value for value in found] == expected
        assert read.errors == {}


def random_table(random):
    """Columns of values, and how a CSV file shall write them."""
    rows = int(random.integers(25, 90))
    columns = {}
    for at in range(int(random.integers(1, 5))):
        kind = random.choice(["number", "integer", "text", "boolean", "time", "mixed case"])
        gaps = random.random(rows) < random.choice([0, 0.1, 0.6])
        values = {
            "number": lambda: np.round(random.normal(0, 10.0 ** random.integers(-2, 7), rows), 3).tolist(),
            "integer": lambda: random.integers(-(10**6), 10**6, rows).tolist(),
            "text": lambda: random.choice(
                ["a", "b c", 'q"t', "x,y", "ü;|", "line\nend", "NA", "-"], rows
            ).tolist(),
            "boolean": lambda: (random.random(rows) < 0.5).tolist(),
            "time": lambda: [
                datetime(2000, 1, 1) + timedelta(seconds=int(each))
                for each in random.integers(0, 10**9, rows)
            ],
            "mixed case": lambda: random.choice(["True", "yes", "No", "0", "1"], rows).tolist(),
        }[kind]()
        columns[f"c{at}"] = [None if gap else value for gap, value in zip(gaps, values, strict=True)]
    columns["y"] = (np.arange(rows) % 2).tolist()
    return columns


def cell_of(value, form):
    if value is None:
        return form["missing"]
    if isinstance(value, bool):
        return form["true"] if value else form["false"]
    if isinstance(value, datetime):
        return value.strftime(form["time"])
    if isinstance(value, float):
        text = f"{value:,.3f}" if form["thousands"] else f"{value:.3f}"
        return text.replace(",", "\0").replace(".", form["decimal"]).replace("\0", form["thousands"])
    return str(value)


def written(random, columns):
    """The same table as CSV of a random dialect."""
    decimal, thousands = [(".", ""), (",", ""), (",", "."), (".", ","), (".", "'")][random.integers(5)]
    form = {
        "missing": str(random.choice(["", " ", "NA", "n/a", "NULL"])),
        "true": str(random.choice(["true", "TRUE", "True"])),
        "false": str(random.choice(["false", "False"])),
        "time": str(random.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00"])),
        "decimal": decimal,
        "thousands": thousands,
    }
    separator = str(random.choice([",", ";", "\t", "|"]))
    end = str(random.choice(["\n", "\r\n", "\r"]))
    before, after = " " * int(random.integers(0, 3)), str(random.choice(["", separator]))
    quotes_all = random.random() < 0.5

    def quoted(text):
        if quotes_all or any(each in text for each in (separator, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text

    rows = [list(columns), *zip(*columns.values(), strict=True)]
    text = end.join(
        (separator + before).join(quoted(cell_of(cell, form)) for cell in row) + after for row in rows
    )
    text += str(random.choice(["", end]))
    return text.encode(str(random.choice(["utf-8", "utf-8-sig", "utf-16"])))


@pytest.mark.parametrize("seed", range(120))
def test_any_table_is_read_alike_in_training_in_a_batch_and_singly(store, seed):
    random = np.random.default_rng(seed)
    columns = random_table(random)
    form = ["csv", "csv", "parquet", "jsonl"][seed % 4]
    if form == "csv":
        files = store.text(written(random, columns))
    elif form == "parquet":
        files = store.parquet({name: pa.array(values) for name, values in columns.items()})
    else:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        content = "".join(json.dumps(row, default=lambda value: value.isoformat()) + "\n" for row in rows)
        files = store.text(content, "s3://data/a.jsonl")
    read = Reading(store, files, block_bytes=int(random.choice([300, 8 << 20])), keeps_all=True)
    assert read.errors == {}
    for name, values in columns.items():
        if name == "y" or name not in read.columns:
            continue
        column = read.columns[name]
        if column.kind in ("number", "integer") and isinstance(next(filter(None, values), 0.0), float | int):
            if any(f"'{name}' has commas before three digits only" in each for each in read.warnings):
                continue
            expected = [np.nan if value is None else value for value in values]
            assert np.allclose(column.numbers, expected, equal_nan=True)


@pytest.mark.parametrize("seed", range(6))
def test_a_trained_model_answers_alike_in_a_batch_singly_and_in_python(store, seed):
    random = np.random.default_rng(seed)
    rows = 120
    columns = {
        "n": [None if random.random() < 0.1 else round(float(each), 3) for each in random.normal(0, 9, rows)],
        "t": random.choice(["a", "b c", 'q"t', "x,y", "NA"], rows).tolist(),
        "b": (random.random(rows) < 0.5).tolist(),
        "y": (np.arange(rows) % 2).tolist(),
    }
    estimator = ["hist_gradient_boosting", "logistic_regression", "random_forest"][seed % 3]
    Agreement(store, store.text(written(random, columns)), estimator=estimator).check()
