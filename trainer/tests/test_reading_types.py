"""Types that a file, its folders or the caller declare are what a column is, whoever reads it."""

import io
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agreement import Reading
from cases import simple
from tables_as_text import ROWS, csv, lines

from modelplane_trainer.failures import JobFailure


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

    def test_words_for_missing_values_among_numbers_are_missing_and_named(self, store):
        rows = [row | ({"x": "NA"} if place % 5 == 0 else {}) for place, row in enumerate(self.rows())]
        read = self.read(store, lines(rows))
        assert read.columns["x"].kind == "number" and read.columns["x"].missing.sum() == ROWS // 5
        assert any("12 of 60 values" in each and '"NA" in row 0' in each for each in read.warnings)
        assert read.errors == {} and read.inputs["x"]["reading"] == {"missing": ["NA"]}

    @pytest.mark.parametrize("word", ["", " ", "NA", " NA", "NaT", "0000-00-00", "null", "None", "-"])
    @pytest.mark.parametrize("kind", ["number", "boolean", "timestamp"])
    def test_words_for_missing_values_are_so_in_every_row(self, store, word, kind):
        values = {
            "number": [place / 4 for place in range(ROWS)],
            "boolean": [place % 3 == 0 for place in range(ROWS)],
            "timestamp": [f"2024-01-{place % 28 + 1:02}" for place in range(ROWS)],
        }[kind]
        rows = [{"k": value, "y": place % 2} for place, value in enumerate(values)]
        for place in (4, 17, 30):
            rows[place]["k"] = word
        read = self.read(store, lines(rows))
        column = read.columns["k"]
        assert column.kind == kind and np.flatnonzero(column.missing).tolist() == [4, 17, 30]
        assert read.errors == {} and column.reading["missing"] == [word.strip()]

    @pytest.mark.parametrize("kind", ["number", "boolean", "timestamp", "string"])
    def test_rows_may_lack_a_key(self, store, kind):
        values = {"number": 1.5, "boolean": True, "timestamp": "2024-01-01", "string": "gold"}
        others = {"number": 2, "boolean": False, "timestamp": "2024-01-02", "string": "free"}
        rows = [
            {"k": (values if place % 3 else others)[kind], "x": place / 4, "y": place % 2}
            for place in range(ROWS)
        ]
        for place in range(0, ROWS, 5):
            rows[place].pop("k")
        read = self.read(store, lines(rows))
        column = read.columns["k"]
        assert column.kind == kind and np.flatnonzero(column.missing).tolist() == list(range(0, ROWS, 5))
        assert read.errors == {} and column.reading["may_be_absent"] is True
        # What every row of the training data names is asked of every row.
        assert "may_be_absent" not in read.columns["x"].reading
        rows[7].pop("x")
        assert list(read.score(store.text(lines(rows), "s3://data/b.jsonl")).errors) == [7]

    def test_whole_parts_may_lack_a_key(self, store):
        parts = [[{"y": place % 2} for place in range(ROWS)], self.rows(), [{"y": 1, "x": None}]]
        uris = [store.text(lines(part), f"s3://data/{at}.jsonl")["uris"][0] for at, part in enumerate(parts)]
        read = Reading(store, {"format": "json_lines", "uris": uris})
        assert read.columns["x"].missing.sum() == ROWS + 1 and read.errors == {}

    @pytest.mark.parametrize(("flags", "others"), [(58, 2), (30, 30), (2, 58)])
    def test_booleans_are_also_0_and_1(self, store, flags, others):
        values = [place % 3 == 0 if place < flags else int(place % 3 == 0) for place in range(flags + others)]
        rows = [{"k": value, "y": place % 2} for place, value in enumerate(values)]
        read = self.read(store, lines(rows))
        assert read.columns["k"].kind == "boolean"
        assert read.columns["k"].numbers.tolist() == [float(place % 3 == 0) for place in range(ROWS)]
        assert read.errors == {} and read.warnings == []

    @pytest.mark.parametrize(("number", "flag"), [(2.5, True), (7, False)])
    def test_a_boolean_among_numbers_is_none(self, store, number, flag):
        rows = [{"k": number + place, "y": place % 2} for place in range(ROWS)]
        rows[11]["k"] = flag
        read = self.read(store, lines(rows))
        assert np.flatnonzero(read.columns["k"].missing).tolist() == [11] and list(read.errors) == [11]
        assert any(f"such as {str(flag).lower()} in row 11" in each for each in read.warnings)

    def test_blanks_around_times_do_not_count(self, store):
        rows = [{"t": f" 2024-01-{place % 28 + 1:02}\t", "y": place % 2} for place in range(ROWS)]
        read = self.read(store, lines(rows))
        assert read.columns["t"].kind == "timestamp" and read.errors == {}

    def test_folders_of_later_files_count(self, store):
        uris = [
            store.text(lines(self.rows()), f"s3://data/{folder}/a.jsonl")["uris"][0]
            for folder in ("none", "plan=gold", "plan=free")
        ]
        read = Reading(store, {"format": "json_lines", "uris": uris})
        assert read.texts("plan") == [None] * ROWS + ["gold"] * ROWS + ["free"] * ROWS
        assert read.errors == {}

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

    @pytest.mark.parametrize(
        "others",
        [pa.int64(), pa.float32(), pa.decimal128(9, 4), pa.decimal256(40, 1), pa.uint64(), pa.float16()],
    )
    def test_parts_of_decimals_and_other_numbers_are_numbers(self, store, others):
        numbers = pa.array([float(place % 7) for place in range(ROWS)])
        uris = [
            store.parquet(simple(ROWS, k=numbers.cast(kind, safe=False)), f"s3://data/{at}.parquet")["uris"][
                0
            ]
            for at, kind in enumerate([others, pa.decimal128(12, 2)])
        ]
        read = Reading(store, {"format": "parquet", "uris": uris})
        assert read.columns["k"].numbers.tolist() == [place % 7 for place in range(ROWS)] * 2

    @pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
    @pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
    def test_whole_numbers_beyond_json_are_told(self, store, kind, form):
        numbers = [2**60 + place * 2**40 for place in range(ROWS)]
        rows = [{"k": number, "y": place % 2} for place, number in enumerate(numbers)]
        files = {
            "parquet": lambda: store.parquet({"k": pa.array(numbers, kind), "y": [row["y"] for row in rows]}),
            "csv": lambda: store.text(csv(["k", "y"], [row.values() for row in rows])),
            "jsonl": lambda: store.text(lines(rows), "s3://data/a.jsonl"),
        }[form]()
        read = Reading(store, files)
        assert any("'k' holds whole numbers beyond 9007199254740991" in each for each in read.warnings)
        asked = Reading(store, files, feature_types={"k": "category"}, keeps_all=True)
        assert asked.texts("k") == [str(number) for number in numbers] and asked.warnings == []

    def test_classes_beyond_json_are_refused_unless_they_are_texts(self, store):
        files = store.parquet(simple(ROWS, y=pa.array([2**60 + place % 3 for place in range(ROWS)])))
        code, message = store.failure(store.spec(files, "y", model_type="classification"))
        assert code == "DATA_UNFIT" and ("beyond 9007199254740991" in message or "one class only" in message)
        result = store.result(store.spec(files, "y", feature_types={"y": "category"}))
        assert result["signature"]["output"]["labels"] == [str(2**60 + place) for place in range(3)]

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

    @pytest.mark.parametrize("values", [[3, 1, 2], [0.5, 2.0, None], [10, None, 20]])
    def test_categories_of_numbers_are_categories(self, store, values):
        frame = pd.DataFrame(simple(ROWS))
        frame["k"] = pd.Categorical(values * 20, ordered=len(set(values)) % 2 == 0)
        uri = "s3://data/a.parquet"
        frame.to_parquet(store.path(uri))
        files = {"format": "parquet", "uris": [uri]}
        read = Reading(store, files)
        assert read.texts("k") == [None if each is None else f"{each:g}" for each in values] * 20
        assert Reading(store, files, feature_types={"k": "number"}).columns["k"].kind == "integer" or any(
            isinstance(each, float) for each in values
        )

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
