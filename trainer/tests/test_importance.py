"""The importance of features: shuffled, told by the model itself, or left out, within a budget of time."""

import json

import numpy as np
import pytest
from cases import CLASSIFIERS, REGRESSORS, mixed

from modelplane_trainer import importance, own_importance

FAST = {
    "random_forest": {"n_estimators": 15, "max_depth": 4},
    "extra_trees": {"n_estimators": 15, "max_depth": 4},
    "lasso": {"alpha": 0.01},
    "gradient_boosting": {"n_estimators": 15},
    "hist_gradient_boosting": {"max_iter": 15},
    "xgboost": {"n_estimators": 15},
    "lightgbm": {"n_estimators": 15},
    "mlp": {"max_iter": 60},
    "sgd": {"max_iter": 30},
}
TREES = {"random_forest", "extra_trees", "gradient_boosting", "hist_gradient_boosting", "xgboost", "lightgbm"}
METHODS = {"mlp": "permutation", "k_nearest_neighbors": "permutation"} | dict.fromkeys(TREES, "gain")


def table(seed=0, rows=500):
    """`x` and the text `city` decide, `x` the most; `noise` says nothing."""
    random = np.random.default_rng(seed)
    x, noise = random.normal(50, 20, rows), random.normal(size=rows)
    city = random.choice(["Aachen", "Bonn", "Celle"], rows)
    score = (x - 50) / 5 + (city == "Bonn") * 5
    return {"noise": noise, "city": city, "x": x, "label": np.where(score > 1, "yes", "no"), "price": score}


def of(store, framework, estimator, kind="permutation", seconds=60, target="label", **data):
    other = "price" if target == "label" else "label"
    spec = store.spec(
        store.parquet(data or table()),
        target,
        framework,
        estimator,
        exclude_columns=[] if data else [other],
        hyperparameters=FAST.get(estimator, {}),
        importance=kind,
        importance_seconds=seconds,
        max_features=5_000,
    )
    return store.run(spec)


def found_in(events):
    assert events[-1]["type"] == "succeeded", events[-1]
    return events[-1]["result"]["importance"]


def card_of(store):
    folder = store.path("s3://modelplane/jobs/attempts/1/")
    return json.loads((folder / "card.json").read_text()), (folder / "card.md").read_text()


@pytest.mark.parametrize("kind", ["fast", "permutation"])
@pytest.mark.parametrize(
    ("framework", "estimator", "target"),
    [(*pair, "label") for pair in CLASSIFIERS] + [(*pair, "price") for pair in REGRESSORS],
)
def test_every_estimator_finds_the_columns_that_matter(store, framework, estimator, target, kind):
    found = found_in(of(store, framework, estimator, kind, target=target))
    own = METHODS.get(estimator, "coefficient")
    assert found["method"] == (own if kind == "fast" else "permutation")
    names = [each["name"] for each in found["features"]]
    means = {each["name"]: each["mean"] for each in found["features"]}
    assert names[0] == "x" and set(names) == {"x", "city", "noise"}
    assert means["city"] > means["noise"]
    assert found["left_out"] == {"features": 0, "repeats": 0, "rows": 0}
    if found["method"] == "gain":
        assert sum(means.values()) == pytest.approx(1) and found["rows"] == 400 and found["loss"] is None
    if found["method"] == "permutation":
        assert found["rows"] == 100 and found["repeats"] == (5 if kind == "permutation" else 1)
        assert found["loss"] > 0
    card, page = card_of(store)
    assert card["importance"] == found
    assert f"{found['rows']} " in page.split("## Importance")[1]


def test_coefficients_are_those_on_scaled_inputs(store):
    random = np.random.default_rng(0)
    large, small = random.normal(0, 1000, 400), random.normal(0, 0.01, 400)
    columns = {"large": large, "small": small, "y": large / 1000 * 3 + small * 100 * 2}
    found = found_in(of(store, "sklearn", "linear_regression", "fast", target="y", **columns))
    means = {each["name"]: each["mean"] for each in found["features"]}
    assert means["large"] == pytest.approx(3, rel=0.1) and means["small"] == pytest.approx(2, rel=0.1)


def test_none_is_none_everywhere(store):
    events = of(store, "sklearn", "random_forest", "none")
    assert found_in(events) is None
    card, page = card_of(store)
    assert card["importance"] is None and "## Importance\n\nNot asked for." in page
    assert not [text for text in card["limits"] if text.startswith("Importance")]


def test_importance_is_the_same_for_the_same_seed(store):
    first, again = (found_in(of(store, "sklearn", "extra_trees")) for _ in range(2))
    assert first == again


def test_a_column_that_no_tree_reads_costs_nothing(store, monkeypatch):
    asked = []
    increases = importance._Shuffled.increases

    def counted(self, features, random):
        asked.extend(features.tolist())
        return increases(self, features, random)

    monkeypatch.setattr(importance._Shuffled, "increases", counted)
    random = np.random.default_rng(0)
    columns = {f"x{place}": random.normal(size=300) for place in range(400)}
    columns["y"] = (columns["x7"] > 0).astype(int)
    found = found_in(of(store, "sklearn", "gradient_boosting", target="y", **columns))
    assert 0 < len(asked) < 400 and found["features"][0]["name"] == "x7"
    assert {each["mean"] for each in found["features"][len(asked) + 1 :]} == {0.0}


class Clock:
    """Stands for `time` in `importance`: the model takes so long for each row."""

    def __init__(self, monkeypatch, seconds_a_row):
        self.now = 0.0
        monkeypatch.setattr(importance, "time", self)
        answer = importance.ServedModel.answer

        def timed(served, matrix):
            self.now += seconds_a_row * len(matrix)
            return answer(served, matrix)

        monkeypatch.setattr(importance.ServedModel, "answer", timed)

    def monotonic(self):
        return self.now


def test_a_slow_model_has_fewer_repeats_and_says_so(store, monkeypatch):
    Clock(monkeypatch, 0.01)
    events = of(store, "sklearn", "mlp", seconds=11)
    found = found_in(events)
    # A round over 3 columns and 100 rows takes 3 s, after 1 s for the loss.
    assert found["repeats"] == 3 and found["left_out"] == {"features": 0, "repeats": 2, "rows": 0}
    (warning,) = [event["message"] for event in events if event["type"] == "warning"]
    assert warning.startswith("importance reached its 11 seconds: 3 of 3 columns were shuffled, 3 of 5 times")
    card, page = card_of(store)
    assert warning in card["warnings"] and "The time did not suffice for 2 repeats." in page


def test_a_slower_model_has_fewer_rows_then_fewer_columns(store, monkeypatch):
    Clock(monkeypatch, 0.02)
    found = found_in(of(store, "sklearn", "mlp", seconds=4))
    assert found["rows"] == 66 and found["left_out"]["rows"] == 34
    Clock(monkeypatch, 1.0)
    events = of(store, "sklearn", "mlp", seconds=60)
    found = found_in(events)
    assert found["rows"] == 50 and found["left_out"]["features"] > 0
    unmeasured = [each for each in found["features"] if each["mean"] is None]
    assert len(unmeasured) == found["left_out"]["features"] and found["features"][-1]["mean"] is None
    assert "columns were shuffled" in [event["message"] for event in events if event["type"] == "warning"][-1]


def test_progress_counts_the_columns(store, monkeypatch):
    monkeypatch.setattr("modelplane_trainer.events.PROGRESS_INTERVAL_SECONDS", 0)
    monkeypatch.setattr(importance, "_VALUES_A_BATCH", 1)
    events = of(store, "sklearn", "mlp")
    told = [event["phase_progress"] for event in events if event.get("phase") == "explaining"]
    assert told[0] is None and told[-1] == {"done": 3, "total": 3, "of": "columns"}
    done = [each["done"] for each in told[1:]]
    assert done == sorted(done) and len(done) == 15
    assert all(event["phase_progress"] is None for event in events if event.get("phase") == "publishing")


def test_a_model_of_another_kind_tells_nothing():
    assert own_importance.gains(object(), 3) is None and own_importance.coefficients(object()) is None


def test_mixed_columns_are_shuffled_whole(store):
    spec = store.spec(
        store.parquet(mixed()), "label", estimator="logistic_regression", exclude_columns=["price"]
    )
    found = store.result(spec)["importance"]
    assert {each["name"] for each in found["features"]} == {"number", "whole", "flag", "city", "grade"}


def test_rows_and_repeats_are_bounded():
    assert importance._bounds(100_000, 10, "permutation") == (2000, 5)
    assert importance._bounds(100_000, 2000, "permutation") == (250, 1)
    assert importance._bounds(100_000, 10, "fast") == (200, 1)
    assert importance._bounds(30, 0, "permutation") == (30, 5)
