"""What is kept for explanations, and the reference that explanations are compared with."""

import json
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from cases import mixed, simple
from interventional_tree_shap import by_enumeration, tree_shap
from sklearn.ensemble import RandomForestClassifier

from modelplane_trainer.background import FEWEST_ROWS, MOST_CELLS


def kept(store, spec) -> dict:
    result = store.result(spec)
    return json.loads((store.path(spec["output_uri"]) / result["files"]["background"]["name"]).read_text())


def test_holds_rows_of_the_training_part_as_a_caller_would_send_them(store):
    start = datetime(2024, 2, 29, 23, 30)
    columns = mixed(300) | {"since": pa.array([start + timedelta(hours=7 * each) for each in range(300)])}
    spec = store.spec(store.parquet(columns), "label", exclude_columns=["grade", "price"])
    found = kept(store, spec)
    assert found["features"] == ["number", "whole", "flag", "city", "since"]
    assert len(found["rows"]) == 100 and found["seed"] == 7
    known = pa.table({name: columns[name] for name in found["features"]}).to_pylist()
    sent = [
        row | {"since": (row["since"] - datetime(1970, 1, 1)) // timedelta(milliseconds=1)} for row in known
    ]
    assert len({json.dumps(row) for row in found["rows"]}) == 100
    for row in found["rows"]:
        assert dict(zip(found["features"], row, strict=True)) in sent
        assert [type(value) for value in row][2:] == [bool, type(row[3]), int]
    assert any(None in row for row in found["rows"])


def test_is_drawn_by_the_seed_from_rows_that_are_not_validation(store):
    train = store.parquet(simple(90, z=np.arange(90) * 1.5))
    one, same, other = (kept(store, store.spec(train, "y", seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one["rows"] != other["rows"]
    assert len(one["rows"]) == 72


def test_has_fewer_rows_of_wide_data_and_none_that_predictions_refuse(store):
    width = 2 * MOST_CELLS // 100
    random = np.random.default_rng(0)
    wide = {f"c{place}": random.random(120) for place in range(width)}
    limits = {"memory_bytes": 4 << 30, "max_features": 1000}
    spec = store.spec(store.parquet(wide | {"y": np.arange(120) % 2}), "y", estimator="logistic_regression")
    found = kept(store, spec | {"limits": limits})
    assert len(found["rows"]) == 50
    assert FEWEST_ROWS < 50

    texts = np.array(["a", "b", "x" * 70_000], dtype=object)[np.arange(90) % 3]
    found = kept(store, store.spec(store.parquet(simple(90, text=texts.tolist())), "y"))
    assert {row[1] for row in found["rows"]} == {"a", "b"}


@pytest.mark.parametrize("groups", [[0, 1, 2, 3, 4], [0, 1, 1, 2, 1]])
def test_the_reference_of_trees_is_that_of_all_coalitions(groups):
    random = np.random.default_rng(4)
    groups = np.array(groups)
    matrix = random.normal(size=(300, 5)).astype(np.float32)
    truth = np.digitize(matrix[:, 0] * matrix[:, 1] + matrix[:, 2], [-0.5, 0.5])
    forest = RandomForestClassifier(5, max_depth=5, random_state=0).fit(matrix, truth)
    rows, background = matrix[:6], matrix[100:130]
    found = np.mean(
        [
            tree_shap(tree.tree_, groups, rows, background, tree.tree_.value[:, 0])
            for tree in forest.estimators_
        ],
        axis=0,
    )
    for at, row in enumerate(rows):
        for index in range(3):
            answer = lambda mixed, index=index: forest.predict_proba(mixed)[:, index]  # noqa: E731
            np.testing.assert_allclose(
                found[at, :, index], by_enumeration(answer, groups, row, background), atol=1e-12
            )
