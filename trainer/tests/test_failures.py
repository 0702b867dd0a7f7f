"""Each fault of a data set ends the job with a code and a sentence that says what to do."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from cases import mixed, simple

from modelplane_trainer.failures import ran_out_of_disk


def columns(**more):
    return simple(40, **more)


NUMBERS = np.arange(40)
CASES = {
    "missing target with a close name": (
        {"churned": NUMBERS % 2, "x": NUMBERS},
        "chrned",
        {},
        "COLUMN_NOT_FOUND",
        ["no column 'chrned'", "did you mean 'churned'?"],
    ),
    "missing target in another case": (
        {"Churned": NUMBERS % 2, "x": NUMBERS},
        "CHURNED",
        {},
        "COLUMN_NOT_FOUND",
        ["did you mean 'Churned'?"],
    ),
    "unknown feature": (
        columns(),
        "y",
        {"feature_columns": ["x", "zz"]},
        "COLUMN_NOT_FOUND",
        ["feature_columns", "'zz'", "the data has 'x', 'y'"],
    ),
    "unknown exclusion": (
        columns(),
        "y",
        {"exclude_columns": ["gone"]},
        "COLUMN_NOT_FOUND",
        ["exclude_columns", "'gone'"],
    ),
    "target among the features": (
        columns(),
        "y",
        {"feature_columns": ["x", "y"]},
        "DATA_UNFIT",
        ["target column 'y'"],
    ),
    "everything excluded": (
        columns(),
        "y",
        {"exclude_columns": ["x"]},
        "DATA_UNFIT",
        ["no feature column is left"],
    ),
    "no usable feature": (
        {"c": np.ones(40), "d": [date(2026, 1, 1)] * 40, "y": NUMBERS % 2},
        "y",
        {},
        "DATA_UNFIT",
        ["'c' holds the same value", "'d' holds the same value"],
    ),
    "too many features": (
        mixed(40),
        "label",
        {"max_features": 3},
        "DATA_UNFIT",
        ["6 feature columns", "the 3 allowed"],
    ),
    "one class only": (columns(y=["no"] * 40), "y", {}, "DATA_UNFIT", ["one class only ('no')"]),
    "one value only": (
        columns(y=[1.5] * 40),
        "y",
        {"model_type": "regression"},
        "DATA_UNFIT",
        ["1.5 in every row"],
    ),
    "a class with one row": (
        columns(y=["a"] * 20 + ["b"] * 19 + ["rare"]),
        "y",
        {},
        "DATA_UNFIT",
        ["single row of 'rare'"],
    ),
    "too many classes": (
        columns(y=[f"id{place}" for place in range(40)]),
        "y",
        {},
        "DATA_UNFIT",
        ["40 different values in 40 rows"],
    ),
    "too few rows": (simple(9), "y", {}, "DATA_UNFIT", ["9 usable rows", "at least 10"]),
    "too few rows with a target": (
        columns(y=pa.array([0, 1] * 4 + [None] * 32)),
        "y",
        {},
        "DATA_UNFIT",
        ["8 usable rows"],
    ),
    "an empty target": (
        columns(y=pa.array([None] * 40, pa.int64())),
        "y",
        {},
        "DATA_UNFIT",
        ["0 usable rows"],
    ),
    "an infinite target": (
        columns(y=np.r_[np.inf, np.random.default_rng(0).random(39)]),
        "y",
        {},
        "DATA_UNFIT",
        ["'y' holds 1 values that are infinite"],
    ),
    "a target of dates": (
        columns(y=[datetime(2026, 1, 1)] * 40),
        "y",
        {},
        "DATA_UNFIT",
        ["target column 'y' holds dates"],
    ),
    "regression on text": (
        columns(y=["yes", "no"] * 20),
        "y",
        {"model_type": "regression"},
        "DATA_UNFIT",
        ["holds text such as 'yes'"],
    ),
    "classification on measurements": (
        columns(y=np.linspace(0, 1, 40)),
        "y",
        {"model_type": "classification"},
        "DATA_UNFIT",
        ["too many for classification", "regression"],
    ),
    "linear regression on classes": (
        columns(),
        "y",
        {"estimator": "linear_regression"},
        "DATA_UNFIT",
        ["linear_regression is for regression", "logistic_regression"],
    ),
    "logistic regression on measurements": (
        columns(y=np.linspace(0, 1, 40)),
        "y",
        {"estimator": "logistic_regression"},
        "DATA_UNFIT",
        ["logistic_regression is for classification", "linear_regression"],
    ),
    "class weights in regression": (
        columns(y=np.linspace(0, 1, 40)),
        "y",
        {"hyperparameters": {"class_weight": "balanced"}},
        "DATA_UNFIT",
        ["'class_weight' is for classification"],
    ),
    "a solver that cannot do the penalty": (
        columns(),
        "y",
        {"estimator": "logistic_regression", "hyperparameters": {"penalty": "l1", "solver": "lbfgs"}},
        "DATA_UNFIT",
        ["logistic_regression cannot be trained with these settings", "lbfgs"],
    ),
    "an unknown hyperparameter": (
        columns(),
        "y",
        {"hyperparameters": {"n_trees": 3}},
        "INTERNAL_ERROR",
        ["no hyperparameter 'n_trees'", "max_iter"],
    ),
    "a hyperparameter out of range": (
        columns(),
        "y",
        {"hyperparameters": {"max_iter": 0}},
        "INTERNAL_ERROR",
        ["hyperparameters.max_iter", "minimum"],
    ),
    "an unknown estimator": (
        columns(),
        "y",
        {"estimator": "magic"},
        "INTERNAL_ERROR",
        ["no estimator 'magic'"],
    ),
    "a specification of another kind": (
        columns(),
        "y",
        {"spec_version": 2},
        "INTERNAL_ERROR",
        ["spec_version"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_says_what_is_wrong(store, name):
    data, target, changes, code, phrases = CASES[name]
    got, message = store.failure(store.spec(store.parquet(data), target, **changes))
    assert got == code, message
    for phrase in phrases:
        assert phrase.lower() in message.lower()


@pytest.mark.parametrize(
    ("uri", "content", "phrases"),
    [
        ("s3://data/a.csv", "", ["a.csv is empty"]),
        ("s3://data/a.csv", "\n\n", ["a.csv is empty", "column names"]),
        ("s3://data/a.csv", "x,y\n", ["header but no rows"]),
        ("s3://data/a.csv", "x,y,x\n1,2,3\n", ["more than one column named 'x'"]),
        ("s3://data/a.csv", "x,y\n" + "1,0\n" * 20 + "1,2,3,4\n", ["not well-formed CSV", "line 22"]),
        ("s3://data/a.csv", 'x,y\n1,"0\n' + "1,0\n" * 20, ["not well-formed CSV"]),
        (
            "s3://data/a.jsonl",
            '{"x": 1, "y": 0}\n{"x": "one", "y": 1}\n',
            ["not well-formed JSON lines", "/x"],
        ),
        ("s3://data/a.jsonl", '{"x": 1,\n', ["a.jsonl cannot be read as JSON lines: in line 1"]),
    ],
)
def test_says_what_is_wrong_with_a_text_file(store, uri, content, phrases):
    code, message = store.failure(store.spec(store.text(content, uri), "y"))
    assert code == "DATA_UNREADABLE", message
    for phrase in phrases:
        assert phrase in message


def test_says_which_file_is_no_parquet(store):
    store.path("s3://data/b.parquet").write_bytes(b"PAR1 but not really PAR1")
    spec = store.spec({"format": "parquet", "uris": ["s3://data/b.parquet"]}, "y")
    assert store.failure(spec) == ("DATA_UNREADABLE", "b.parquet is not a readable Parquet file.")


def test_says_which_parquet_file_is_cut_off(store):
    train = store.parquet(simple(2000))
    path = store.path(train["uris"][0])
    path.write_bytes(path.read_bytes()[:-200])
    code, message = store.failure(store.spec(train, "y"))
    assert code == "DATA_UNREADABLE" and "train.parquet" in message


def test_says_which_file_is_absent(store):
    code, message = store.failure(store.spec({"format": "csv", "uris": ["s3://data/no.csv"]}, "y"))
    assert (code, message) == ("DATA_UNREADABLE", "s3://data/no.csv does not exist.")


def test_knows_a_full_disk():
    with pytest.raises(OSError) as direct, Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    with pytest.raises(OSError) as by_arrow, pa.OSFile("/dev/full", "w") as full:
        full.write(b"x")
    wrapped = RuntimeError("the part could not be written")
    wrapped.__cause__ = direct.value
    assert [ran_out_of_disk(error) for error in (direct.value, by_arrow.value, wrapped)] == [True, True, True]
    assert not ran_out_of_disk(FileNotFoundError(2, "No such file or directory"))


@pytest.mark.parametrize("uri", ["s3://data/../../outside.csv", "s3://data/link.csv", "s3:////etc/passwd"])
def test_does_not_leave_the_store(store, uri):
    outside = store.root.parent / "outside.csv"
    outside.write_text("x,y\n" + "1,0\n2,1\n" * 20)
    store.path("s3://data/link.csv").symlink_to(outside)
    spec = store.spec({"format": "csv", "uris": [uri]}, "y")
    code, message = store.failure(spec)
    assert code in ("DATA_UNREADABLE", "INTERNAL_ERROR")
    assert "leads out of the object store" in message or "not valid" in message or "does not exist" in message


def test_follows_no_link_within_the_store(store):
    other = store.parquet(simple(), "s3://data/of-another-tenant.parquet")["uris"][0]
    store.path("s3://data/file.parquet").symlink_to(store.path(other))
    (store.root / "data" / "folder").symlink_to(store.root / "data")
    for uri in ["s3://data/file.parquet", "s3://data/folder/of-another-tenant.parquet"]:
        code, message = store.failure(store.spec({"format": "parquet", "uris": [uri]}, "y"))
        assert (code, "symbolic link" in message) == ("DATA_UNREADABLE", True)


def test_does_not_write_outside_the_store(store):
    spec = store.spec(store.parquet(simple()), "y", output_uri="s3://modelplane/../../escaped/")
    code, _ = store.failure(spec)
    assert code == "DATA_UNREADABLE"
    assert not (store.root.parent / "escaped").exists()


def test_says_how_files_differ(store):
    first = store.parquet(simple(), "s3://data/part/a.parquet")
    lacking = {"y": np.arange(60) % 2}
    store.parquet(lacking, "s3://data/part/b.parquet")
    uris = [*first["uris"], "s3://data/part/b.parquet"]
    code, message = store.failure(store.spec({"format": "parquet", "uris": uris}, "y"))
    assert code == "DATA_UNREADABLE" and "b.parquet" in message and "lacks 'x'" in message
    store.parquet(simple(x=["text"] * 60), "s3://data/part/b.parquet")
    code, message = store.failure(store.spec({"format": "parquet", "uris": uris}, "y"))
    assert code == "DATA_UNREADABLE" and "'x' is double in a.parquet and string in b.parquet" in message
    store.parquet(simple(extra=np.ones(60)), "s3://data/part/b.parquet")
    code, message = store.failure(store.spec({"format": "parquet", "uris": uris}, "y"))
    assert code == "DATA_UNREADABLE" and "additional 'extra'" in message


def test_says_what_validation_data_lack(store):
    train = store.parquet(simple(more=np.arange(60)))
    validation = store.parquet(simple(), "s3://data/validation.parquet")
    code, message = store.failure(store.spec(train, "y", validation=validation))
    assert code == "COLUMN_NOT_FOUND" and "validation data: no column 'more'" in message.lower()
    store.parquet(simple(more=np.arange(60), y=[7] * 60), "s3://data/validation.parquet")
    code, message = store.failure(store.spec(train, "y", validation=validation))
    assert code == "DATA_UNFIT" and "'7'" in message


def test_names_a_memory_limit(store):
    wide = {f"x{place}": np.random.default_rng(place).random(20_000) for place in range(100)}
    spec = store.spec(
        store.parquet(wide | {"y": np.arange(20_000) % 2}),
        "y",
        estimator="random_forest",
        memory_bytes=24 << 20,
        max_features=500,
    )
    code, message = store.failure(spec)
    assert code == "OUT_OF_MEMORY" and "24 MiB" in message
