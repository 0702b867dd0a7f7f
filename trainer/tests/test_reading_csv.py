"""However a CSV file is written, training, batches and single rows make the same of it."""

import json

import numpy as np
import pytest
from agreement import Reading
from tables_as_text import PLANS, ROWS, csv, numbered, plans

from modelplane_trainer.failures import JobFailure


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

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("before", ["", " "])
    def test_of_lines_in_cells_is_read_alike(self, store, end, inner, before):
        content = plans(end, before=before, quote='"').replace("gold", f"go{inner}ld")
        read = Reading(store, store.text(content))
        assert set(read.texts("plan")) == {"free", f"go{inner}ld", "basic"}
        assert read.columns["price"].missing.sum() == 0 and read.short == 0

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

    def test_with_two_columns_without_a_name(self, store):
        content = csv(["a", "", "", "y"], [(place, "", "", place % 2) for place in range(ROWS)])
        with pytest.raises(JobFailure, match="more than one column without a name"):
            Reading(store, store.text(content))


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
            (["1\u2019234.5", "12", "1'234\u2019567", "-3"], "number", [1234.5, 12, 1234567, -3]),
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

    def test_that_are_too_long_for_predictions_are_told(self, store):
        cells = ["ü" * 40_000, *["b", "c"] * 30]
        read = Reading(store, store.text(numbered(cells)))
        assert list(read.errors) == [0]
        assert any("1 texts of more than 65536 bytes" in warning for warning in read.warnings)

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
            ("2024/06/19", 1718755200000),
            ("2024/06/19 10:00", 1718791200000),
            ("2024-06-19T10:00:00,5Z", 1718791200500),
            ("2024-06-19t10:00:00z", 1718791200000),
            ("2024-06-19 10:00:00 GMT", 1718791200000),
            ("9999-12-31", 253402214400000),
            ("0001-01-01", -62135596800000),
        ],
    )
    def test_are_times_in_the_forms_of_databases(self, store, text, milliseconds):
        cells = [f'"{text}"', *(f"2024-0{place % 9 + 1}-01" for place in range(ROWS - 1))]
        read = Reading(store, store.text(numbered(cells)))
        assert read.columns["x"].kind == "timestamp"
        assert read.columns["x"].numbers[0] == milliseconds

    @pytest.mark.parametrize(
        "form",
        ["{0:02}.{1:02}.2024", "{1}/{0}/24 10:00 AM", "{0} Mar 2024", "{0}.5 EUR", "({0}.5)", "{0}_000"],
    )
    @pytest.mark.parametrize("ending", ["csv", "jsonl"])
    def test_in_a_form_that_is_not_read_are_told(self, store, form, ending):
        cells = [form.format(place % 28 + 1, place % 12 + 1) for place in range(ROWS)]
        rows = [{"x": cell, "y": place % 2} for place, cell in enumerate(cells)]
        content = numbered(cells) if ending == "csv" else "".join(json.dumps(row) + "\n" for row in rows)
        read = Reading(store, store.text(content, f"s3://data/a.{ending}"), keeps_all=True)
        assert read.texts("x") == cells
        assert any(f"such as '{cells[0]}' are not read as" in each for each in read.warnings)

    @pytest.mark.parametrize("form", ["plan {}", "A{}", "{}th street"])
    def test_of_words_are_not_told_for_their_digits(self, store, form):
        cells = [form.format(place % 7) for place in range(ROWS)]
        assert Reading(store, store.text(numbered(cells))).warnings == []

    def test_with_nul_characters_are_refused(self, store):
        content = plans().replace("gold", "go\0ld")
        code, message = store.failure(store.spec(store.text(content), "y"))
        assert code == "DATA_UNFIT" and "'plan' holds texts with a NUL character" in message
