"""What columns are read as, what is left out of a model, and what the caller is told about it."""

import json
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from cases import CLASSIFIERS, simple

from modelplane_trainer.batch.features import Encoder

ROWS = 60
LETTERS = [f"{'abc'[place % 3]}" for place in range(ROWS)]


def inputs_of(result):
    return {each["name"]: each for each in result["signature"]["inputs"]}


def csv_of(header, rows, separator=","):
    return separator.join(header) + "\n" + "".join(separator.join(map(str, row)) + "\n" for row in rows)


def test_types_of_parquet(store):
    numbers = np.arange(ROWS)
    result = store.result(
        store.spec(
            store.parquet(
                simple(
                    ROWS,
                    flag=pa.array([*(numbers % 3 == 0).tolist()[:-1], None]),
                    small=pa.array(numbers.astype(np.int8)),
                    half=pa.array(numbers.astype(np.float16)),
                    money=pa.array([Decimal(int(number)) / 4 for number in numbers], pa.decimal128(10, 2)),
                    nullable=pa.array([None, *numbers[1:].tolist()]),
                    kind=pa.array(LETTERS).dictionary_encode(),
                    when=[datetime(2026, 1, 1)] * ROWS,
                    nested=pa.array([[1]] * ROWS),
                    raw=pa.array([b"a", b"b"] * (ROWS // 2)),
                    nothing=pa.nulls(ROWS),
                )
            ),
            "y",
        )
    )
    kinds = {name: each["type"] for name, each in inputs_of(result).items()}
    assert kinds == {
        "x": "number",
        "flag": "boolean",
        "small": "integer",
        "half": "number",
        "money": "number",
        "nullable": "integer",
        "kind": "string",
    }
    assert result["signature"]["ignored"] == ["when", "nested", "raw", "nothing"]
    assert inputs_of(result)["kind"]["categories"] == ["a", "b", "c"]
    assert inputs_of(result)["flag"]["dtype"] == "float32"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([True, False], [False, True]),
        ([2, 10], [2, 10]),
        (["10", "9"], ["10", "9"]),
        (["01", "02"], ["01", "02"]),
        (["b", "a"], ["a", "b"]),
        ([1.0, 0.0], [0, 1]),
    ],
)
def test_labels_keep_their_type_and_order(store, labels, expected):
    result = store.result(store.spec(store.parquet(simple(ROWS, y=labels * 30)), "y"))
    got = result["signature"]["output"]["labels"]
    assert got == expected and [type(label) for label in got] == [type(label) for label in expected]


@pytest.mark.parametrize(
    ("values", "model_type"),
    [
        (np.arange(ROWS) % 20, "classification"),
        (np.arange(ROWS) % 21, "regression"),
        (np.arange(ROWS) / 7, "regression"),
        (np.arange(20) % 10, "classification"),
        (np.arange(20) % 11, "regression"),
    ],
)
def test_the_target_decides_the_model_type(store, values, model_type):
    events = store.run(store.spec(store.parquet(simple(len(values), y=values)), "y"))
    assert events[-1]["result"]["model_type"] == model_type
    assert any(
        event["type"] == "log" and f"Training {model_type}, because" in event["message"] for event in events
    )


def test_a_text_column_of_numbers_stays_text_unless_asked_for(store):
    text = ["", *[f"{place % 9}" for place in range(1, ROWS)]]
    train = store.parquet(simple(ROWS, charges=text))
    warnings = store.warnings(store.spec(train, "y"))
    assert any("'charges' is text whose values are all numbers" in warning for warning in warnings)
    assert inputs_of(store.result(store.spec(train, "y")))["charges"]["type"] == "string"
    asked = store.spec(train, "y", feature_types={"charges": "number"})
    assert inputs_of(store.result(asked))["charges"]["type"] == "number"


def test_blanks_in_a_csv_number_are_told(store):
    rows = [(place, " " if place < 11 else place / 2, place % 2) for place in range(ROWS)]
    spec = store.spec(store.text(csv_of(["id", "TotalCharges", "y"], rows)), "y")
    warnings = store.warnings(spec)
    assert any("'TotalCharges'" in warning and "except 11 " in warning for warning in warnings)


def test_empty_csv_numbers_are_not_told(store):
    rows = [(place, "" if place < 11 else place, place % 2) for place in range(ROWS)]
    spec = store.spec(store.text(csv_of(["x", "gaps", "y"], rows)), "y")
    assert store.warnings(spec) == []
    assert store.result(spec)["signature"]["inputs"][1]["type"] == "integer"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_separators_and_marks(store, separator, mark):
    rows = [(place, f'"{LETTERS[place]}{separator} ""q"""', place % 2) for place in range(ROWS)]
    content = mark + csv_of(["größe", "text", "y"], rows, separator).encode()
    result = store.result(store.spec(store.text(content), "y"))
    inputs = inputs_of(result)
    assert list(inputs) == ["größe", "text"]
    assert inputs["text"]["categories"] == [f'{letter}{separator} "q"' for letter in "abc"]


def test_csv_with_spaces_and_question_marks(store):
    cities = ["?", "Bonn", '"Köln, Süd"']
    rows = [
        (place, cities[place % 3], ("true", "False")[place % 2], ("<=50K", ">50K")[place % 2])
        for place in range(ROWS)
    ]
    content = csv_of(["x", "city", "flag", "y"], rows, ", ")
    result = store.result(store.spec(store.text(content), "y"))
    inputs = inputs_of(result)
    assert inputs["city"]["categories"] == ["Bonn", "Köln, Süd"]
    assert inputs["flag"]["type"] == "boolean"
    assert result["signature"]["output"]["labels"] == ["<=50K", ">50K"]


def test_csv_in_latin_1(store):
    rows = [(place, ["Köln", "Bonn"][place % 2], place % 2) for place in range(ROWS)]
    spec = store.spec(store.text(csv_of(["x", "city", "y"], rows).encode("latin-1")), "y")
    assert any("Latin-1" in warning for warning in store.warnings(spec))
    assert inputs_of(store.result(spec))["city"]["categories"] == ["Bonn", "Köln"]


@pytest.mark.parametrize("token", ["", " ", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"])
def test_missing_tokens_of_csv(store, token):
    rows = [
        (token if place % 5 == 0 else place, token if place % 7 == 0 else "ab"[place % 2], place % 2)
        for place in range(ROWS)
    ]
    result = store.result(store.spec(store.text(csv_of(["n", "t", "y"], rows)), "y"))
    assert inputs_of(result)["n"]["type"] == "integer"
    assert inputs_of(result)["t"]["categories"] == ["a", "b"]
    baseline = json.loads((store.path("s3://modelplane/jobs/attempts/1/") / "baseline.json").read_text())
    assert 0.1 < baseline["columns"]["n"]["missing_share"] < 0.3
    assert 0.05 < baseline["columns"]["t"]["missing_share"] < 0.25


def test_a_separator_at_the_end_of_csv_lines(store):
    rows = [(place, place % 2, "") for place in range(ROWS)]
    assert store.warnings(store.spec(store.text("x,y\n" + csv_of([], rows).strip()), "y")) == []


def test_short_csv_rows_are_missing_at_the_end(store):
    content = "y,x,z\n" + "".join(
        f"{place % 2},{place}{f',{place}' if place % 9 else ''}\n" for place in range(ROWS)
    )
    result = store.result(store.spec(store.text(content), "y"))
    assert inputs_of(result)["z"]["type"] == "integer"


def test_json_lines(store):
    lines = "".join(
        json.dumps(
            {"x": place, "t": "ab"[place % 2]}
            | ({"gap": place} if place % 3 else {})
            | {"y": bool(place % 2)}
        )
        + "\n"
        for place in range(ROWS)
    )
    result = store.result(store.spec(store.text(lines, "s3://data/train.jsonl"), "y"))
    assert {name: each["type"] for name, each in inputs_of(result).items()} == {
        "x": "integer",
        "t": "string",
        "gap": "integer",
    }


def test_several_files_are_one_data_set(store):
    store.parquet(simple(30), "s3://data/part/a.parquet")
    swapped = {"y": np.arange(40) % 2, "x": np.arange(40)}  # another order, and integers
    store.parquet(swapped, "s3://data/part/b.parquet")
    uris = ["s3://data/part/a.parquet", "s3://data/part/b.parquet"]
    result = store.result(store.spec({"format": "parquet", "uris": uris}, "y"))
    assert result["data"]["rows_train"] + result["data"]["rows_validation"] == 70


def test_columns_that_teach_nothing_are_left_out(store):
    spec = store.spec(
        store.parquet(
            simple(
                ROWS,
                customer=[f"c-{place}" for place in range(ROWS)],
                constant=["same"] * ROWS,
                empty=pa.array([None] * ROWS, pa.float64()),
                letter=LETTERS,
                skipped=LETTERS,
            )
        ),
        "y",
        exclude_columns=["skipped"],
    )
    warnings = store.warnings(spec)
    for name, reason in (("customer", "identifier"), ("constant", "the same value"), ("empty", "no value")):
        assert any(f"'{name}'" in warning and reason in warning for warning in warnings)
    signature = store.result(spec)["signature"]
    assert signature["ignored"] == ["customer", "constant", "empty", "skipped"]
    assert [each["name"] for each in signature["inputs"]] == ["x", "letter"]


@pytest.mark.parametrize(("framework", "estimator"), CLASSIFIERS)
def test_columns_that_the_caller_names_are_kept(store, framework, estimator):
    columns = {
        "customer": [f"c-{place}" for place in range(ROWS)],
        "constant": ["same"] * ROWS,
        "day": [20_240_101] * ROWS,
        "zero": [0.0] * ROWS,
        "Unnamed: 0": list(range(ROWS)),
    }
    named = ["x", *columns]
    spec = store.spec(
        store.parquet(simple(ROWS, **columns, empty=pa.array([None] * ROWS, pa.float64()))),
        "y",
        framework,
        estimator,
        feature_columns=[*named, "empty"],
    )
    warnings = store.warnings(spec)
    for name, reason in (
        ("customer", "looks like an identifier (48 different values in 48 rows)"),
        ("constant", "holds the same value in every training row"),
        ("day", "holds the same value in every training row"),
        ("zero", "holds the same value in every training row"),
    ):
        assert f"column '{name}' {reason} and is used because feature_columns names it." in warnings
    assert "column 'empty' holds no value in the training rows and was ignored." in warnings
    signature = store.result(spec)["signature"]
    assert [each["name"] for each in signature["inputs"]] == named
    assert signature["ignored"] == ["empty"]


def test_columns_that_are_named_alone_are_a_model(store):
    spec = store.spec(
        store.parquet(simple(ROWS, constant=["same"] * ROWS)), "y", feature_columns=["constant"]
    )
    assert [each["name"] for each in store.result(spec)["signature"]["inputs"]] == ["constant"]


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_numbers_of_zero_and_one_take_booleans(store, format):
    flags = [place % 3 == 0 for place in range(ROWS)]
    columns = simple(
        ROWS,
        flag=[int(flag) for flag in flags],
        gaps=[None if place == 1 else float(flag) for place, flag in enumerate(flags)],
        count=[place % 3 for place in range(ROWS)],
        truth=flags,
    )
    if format == "parquet":
        train = store.parquet(columns)
    else:
        names = list(columns)
        rows = [
            [value.item() if hasattr(value, "item") else value for value in row]
            for row in zip(*columns.values(), strict=True)
        ]
        text = csv_of(names, [["" if value is None else value for value in row] for row in rows])
        if format == "jsonl":
            text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
        train = store.text(text, f"s3://data/train.{format}")
    inputs = inputs_of(store.result(store.spec(train, "y")))
    assert inputs["truth"]["type"] == "boolean"
    assert inputs["flag"]["type"] == "integer"
    read = {name: each.get("reading") for name, each in inputs.items() if name != "x"}
    assert read == {"flag": {"from": "boolean"}, "gaps": {"from": "boolean"}, "count": None, "truth": None}

    rows = [{"x": 1.0, "flag": flag, "gaps": flag, "count": 1, "truth": flag} for flag in (1, 0, True, False)]
    encoder = Encoder({"inputs": list(inputs.values())}, is_text=False)
    for block in (rows, pa.RecordBatch.from_pylist(rows[:2]), pa.RecordBatch.from_pylist(rows[2:])):
        encoded = encoder.encode(block)
        assert not encoded.faults
        for name in ("flag", "gaps", "truth"):
            values = encoded.feeds(0, len(encoded.rows))[inputs[name]["tensor"]].reshape(-1)
            assert values.tolist() == [1, 0] * (len(values) // 2)
    assert encoder.encode([rows[0] | {"count": True}]).faults == {0: ["'count' must be an integer, got true"]}


def test_at_most_a_thousand_categories(store):
    rows = 6_000
    common = [f"v{place % 1_200:04}" for place in range(rows)]
    spec = store.spec(store.parquet(simple(rows, many=common)), "y")
    (warning,) = store.warnings(spec)
    assert "'many' has 1" in warning and "the 1000 most frequent are told apart" in warning
    assert len(inputs_of(store.result(spec))["many"]["categories"]) == 1_000


def test_infinite_features_count_as_missing(store):
    values = np.r_[np.inf, 1e300, np.arange(ROWS - 2)]
    warnings = store.warnings(store.spec(store.parquet(simple(ROWS, big=values)), "y"))
    assert any("'big' holds 2 values that are infinite or too large" in warning for warning in warnings)


def test_rows_without_a_target_are_dropped(store):
    target = pa.array([0, 1] * 25 + [None] * 10)
    spec = store.spec(store.parquet(simple(ROWS, y=target)), "y")
    assert any("10 rows have no value in target column 'y'" in warning for warning in store.warnings(spec))
    assert store.result(spec)["data"]["rows_dropped"] == 10


def test_a_held_out_part_is_seeded_and_stratified(store):
    train = store.parquet(
        simple(200, y=(np.arange(200) % 10 == 0).astype(int), noise=np.random.default_rng(1).random(200))
    )
    one, same, other = (store.result(store.spec(train, "y", seed=seed)) for seed in (1, 1, 2))
    assert one["data"]["rows_validation"] == 40 and one["data"]["split"]["stratified"]
    assert one["metrics"] == same["metrics"] and one["metrics"] != other["metrics"]
    assert one["files"]["model"]["sha256"] == same["files"]["model"]["sha256"]


def test_validation_data_of_its_own(store):
    train = store.parquet(simple(100))
    validation = store.parquet(simple(30, further=np.ones(30)), "s3://data/validation.parquet")
    result = store.result(store.spec(train, "y", validation=validation))
    assert (result["data"]["rows_train"], result["data"]["rows_validation"]) == (100, 30)
    assert result["data"]["split"] == {"kind": "validation_files"}


def test_what_is_written_is_described(store):
    import hashlib

    spec = store.spec(store.parquet(simple(ROWS, letter=LETTERS)), "y")
    result = store.result(spec)
    folder = store.path(spec["output_uri"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "background.json",
        "baseline.json",
        "card.json",
        "card.md",
        "core.onnx",
        "model.onnx",
    ]
    for file in result["files"].values():
        content = (folder / file["name"]).read_bytes()
        assert len(content) == file["size_bytes"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    baseline = json.loads((folder / "baseline.json").read_text())
    x = baseline["columns"]["x"]
    assert len(x["quantiles"]) == 101 and sum(x["histogram"]["counts"]) == x["count"] == 48
    assert {each["value"] for each in baseline["columns"]["letter"]["categories"]} == {"a", "b", "c"}
    assert sum(each["count"] for each in baseline["predictions_validation"]["classes"]) == 12
    assert baseline["target"]["classes"] == [{"label": 0, "count": 24}, {"label": 1, "count": 24}]
