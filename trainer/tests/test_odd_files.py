"""Files of other people's making, which the project does not contain.

Each is trained on, scored by a batch, and asked row by row, with the same answers; where the target follows
from a column it is learnt.
"""

import numpy as np
import pytest
from agreement import Agreement
from cases import REAL_DATA
from sklearn.metrics import r2_score, roc_auc_score

ODD = REAL_DATA / "odd"
FORMATS = {".csv": "csv", ".jsonl": "json_lines", ".parquet": "parquet"}
SETTINGS = {"hyperparameters": {"min_samples_leaf": 5}}

pytestmark = pytest.mark.skipif(not ODD.exists(), reason=f"{ODD} is not there")


@pytest.fixture
def agreed(store):
    """Trains on a file or folder, and expects single rows, a batch and the pipeline to agree."""

    def agree(name, target="y", **changes):
        path = ODD / name
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        uris = [f"s3://data/{each.relative_to(ODD)}" for each in files]
        for each, uri in zip(files, uris, strict=True):
            store.path(uri).write_bytes(each.read_bytes())
        read = {"format": FORMATS[files[0].suffix], "uris": uris}
        found = Agreement(store, read, target, **(SETTINGS | changes)).check()
        assert found.errors == [] and found.batch["unseen_values"] == {}
        return found

    return agree


def share_right(found):
    target = found.trained.dataset.target
    truth = [target.labels[place] for place in target.values]
    return np.mean([truth[row] == answer for row, answer in enumerate(found.answers)])


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("space_before_quote.csv", {"price": "number", "plan": "string"}),
        ("cr_only.csv", None),
        ("trailing_separator.csv", None),
        ("hex_codes.csv", {"code": "integer"}),
        ("cp1252.csv", {"currency": "string"}),
        ("one_odd_cell.csv", {"x": "number"}),
        ("zero_date.csv", {"opened": "timestamp"}),
        ("na_is_a_region.csv", {"region": "string"}),
        ("na_is_a_region.jsonl", {"region": "string"}),
        ("hive/", {"price": "number", "plan": "string"}),
        ("int96_open_end.parquet", {"valid_to": "timestamp"}),
        ("us_open_end.parquet", {"valid_to": "timestamp"}),
        ("yyyymmdd.csv", {"day": "integer"}),
    ],
)
def test_what_follows_from_a_column_is_learnt(agreed, name, kinds):
    found = agreed(name)
    if kinds:
        assert {each: column.kind for each, column in found.features.items()} == kinds
    if name == "yyyymmdd.csv":
        # Weekends are every few numbers apart: what matters is that no two days are one number to the model.
        days = found.features["day"]
        assert len(np.unique(days.as_feature())) == len(np.unique(days.numbers))
    else:
        assert share_right(found) > 0.95


def test_spaces_before_quotes_are_no_part_of_a_text(agreed):
    assert set(agreed("space_before_quote.csv").features["plan"].texts) == {"free", "gold", "basic"}


def test_bytes_beyond_latin_1_are_those_of_windows(agreed):
    assert set(agreed("cp1252.csv").features["currency"].texts) == {"€", "£", "$"}


@pytest.mark.parametrize(
    ("name", "column", "cell"), [("one_odd_cell.csv", "x", "#N/A"), ("zero_date.csv", "opened", "0000-00-00")]
)
def test_one_odd_cell_is_one_missing_value_and_named(agreed, name, column, cell):
    found = agreed(name)
    assert int(found.features[column].missing.sum()) == 1
    row = int(np.flatnonzero(found.features[column].missing)[0])
    assert any(f'"{cell}" in row {row} of {name}' in each for each in found.warnings)


def test_na_is_a_region_or_told(agreed):
    cells, typed = agreed("na_is_a_region.csv"), agreed("na_is_a_region.jsonl")
    assert any("rows that say 'NA'" in each for each in cells.warnings)
    assert cells.answers == typed.answers


def test_text_that_is_typed_stays_text(agreed):
    found = agreed("typed_text.parquet", "label")
    assert "00501" in found.features["zip"].texts
    assert set(found.answers) <= {"01", "02"} and share_right(found) > 0.95


@pytest.mark.parametrize("name", ["pandas_index.parquet", "to_csv_with_index.csv"])
def test_an_index_is_no_feature(agreed, name):
    found = agreed(name)
    assert list(found.features) == ["x"]
    dataset = found.trained.dataset
    likely = found.table["probability_1"].to_numpy()[dataset.validation]
    # The rows stand in the order of their targets: with the index it would be 1.
    assert roc_auc_score(dataset.target.values[dataset.validation], likely) < 0.75


def test_times_that_are_open_are_alike_in_every_unit(agreed):
    assert agreed("int96_open_end.parquet").answers == agreed("us_open_end.parquet").answers


def test_the_error_of_a_target_far_from_0_is_that_of_the_answers(agreed):
    found = agreed("offset_target.csv", "revenue", estimator="ridge", hyperparameters={})
    dataset = found.trained.dataset
    rows = dataset.validation
    served = r2_score(dataset.target.values[rows], np.array(found.answers)[rows])
    assert found.metrics["val_r2"] == pytest.approx(served, abs=1e-4) and served > 0.9


def test_too_few_rows_to_split_give_the_majority_and_a_warning(agreed):
    found = agreed("forty_rows.csv", framework="lightgbm", estimator="lightgbm", hyperparameters={})
    target = found.trained.dataset.target
    majority = target.labels[int(np.argmax(np.bincount(target.values[found.trained.dataset.train])))]
    assert set(found.answers) == {majority}
    assert any("every row the same answer" in each for each in found.warnings)


def test_parts_that_begin_with_nothing_are_one_column_of_numbers(agreed):
    found = agreed("parts/")
    assert found.features["x"].kind == "number" and int(found.features["x"].missing.sum()) == 20
