"""Class weights by label, passes, dates and a look at the data."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from cases import mixed, simple
from sklearn.linear_model import SGDClassifier

from modelplane_trainer.timestamps import milliseconds_of, parts_of

WEIGHED = [
    ("sklearn", "random_forest"),
    ("sklearn", "gradient_boosting"),
    ("sklearn", "sgd"),
    ("sklearn", "mlp"),
    ("xgboost", "xgboost"),
    ("lightgbm", "lightgbm"),
]


@pytest.mark.parametrize(("framework", "estimator"), WEIGHED)
def test_class_weights_by_label(store, framework, estimator):
    columns = {name: mixed(200)[name] for name in ("number", "whole", "label")}
    rounds = "max_iter" if estimator in ("sgd", "mlp") else "n_estimators"
    spec = store.spec(store.parquet(columns), "label", framework, estimator, hyperparameters={rounds: 8})
    plain = store.result(spec)
    given = {rounds: 8, "class_weight": {"yes": 20}}
    weighed = store.result(spec | {"hyperparameters": given})
    assert weighed["files"]["model"] != plain["files"]["model"]
    assert weighed["parameters"]["class_weight"] == {"yes": 20}
    code, message = store.failure(spec | {"hyperparameters": {"class_weight": {"maybe": 2}}})
    assert code == "DATA_UNFIT" and "'maybe'" in message and "'yes'" in message


def test_passes_are_those_of_scikit_learn(store):
    x = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    y = (x[:, 0] > 0.3).astype(int)
    from modelplane_trainer.estimators.passes import fit_sgd
    from modelplane_trainer.estimators.task import Task
    from modelplane_trainer.plan import make_plan
    from modelplane_trainer.progress import Progress

    spec = store.spec(
        store.parquet(simple()), "y", estimator="sgd", hyperparameters={"max_iter": 7, "eta0": 0.1}
    )
    plan = make_plan(spec)
    for name in ("loss", "epsilon"):
        plan.parameters.pop(name)
    task = Task(plan, "classification", 2, x, y, x, y)
    ours = fit_sgd(task, Progress(None, 7, None, 0.1, y, y, True))
    theirs = SGDClassifier(
        loss="log_loss",
        eta0=0.1,
        learning_rate="invscaling",
        power_t=0.25,
        random_state=np.random.RandomState(7),
    )
    for _ in range(7):
        theirs.partial_fit(x, y, classes=[0, 1])
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)


@pytest.mark.parametrize("estimator", ["sgd", "mlp"])
def test_passes_stop_early_and_keep_the_best(store, estimator):
    spec = store.spec(
        store.parquet(mixed(200)),
        "label",
        estimator=estimator,
        exclude_columns=["grade", "price"],
        learning_rate=0.2,
        epochs=200,
        early_stopping=True,
        patience=3,
    )
    best = store.result(spec)["parameters"]["best_round"]
    assert best < 197
    again = spec | {
        "training": spec["training"] | {"epochs": best, "early_stopping": False, "patience": None}
    }
    assert store.result(again)["metrics"]["val_loss"] == pytest.approx(
        store.result(spec)["metrics"]["val_loss"], rel=1e-6
    )


def test_texts_of_the_data_cannot_break_the_card(store):
    evil = "<b>|`x`\n# y"
    store.result(store.spec(store.parquet(simple() | {evil: np.arange(60) % 7}), "y"))
    page = store.path("s3://modelplane/jobs/attempts/1/card.md").read_text()
    assert "<b>" not in page and "\n# y" not in page and "&lt;b>\\|\\`x\\` \\# y" in page


def test_times_are_those_of_datetime():
    for text in ("2024-02-29", "1969-12-31T23:59:59.999Z", "0001-01-01", "2026-03-01 05:06+05:30"):
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        found = milliseconds_of(text)
        assert found == (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)
        parts = {name: values[0] for name, values in parts_of(np.array([found])).items()}
        assert [parts[name] for name in ("year", "month", "day_of_month", "day_of_week")] == [
            moment.year,
            moment.month,
            moment.day,
            moment.weekday(),
        ]
    assert [
        milliseconds_of(text) for text in ("2023-02-29", "2023-13-01", "23-01-01", "2023-01-01T24:00")
    ] == [None] * 4


def test_dates_in_every_spelling_are_one_column(store):
    days = [datetime(2024, 1, 1) + timedelta(days=17 * place) for place in range(60)]
    texts = [day.isoformat() for day in days]
    columns = simple(
        60,
        a=days,
        b=texts,
        c=pa.array(days, pa.timestamp("us", "Europe/Berlin")),
        d=pa.array([day.date() for day in days]),
    )
    signature = store.result(store.spec(store.parquet(columns), "y"))["signature"]
    assert [each["type"] for each in signature["inputs"]] == ["number", *["timestamp"] * 4]
    code, message = store.failure(store.spec(store.parquet(columns), "a"))
    assert code == "DATA_UNFIT" and "holds dates or times; it must hold" in message


def test_a_look_at_the_data_reads_a_sample_and_trains_nothing(store, monkeypatch):
    monkeypatch.setattr("modelplane_trainer.inspection.MOST_ROWS", 50)
    spec = store.spec(store.parquet(mixed(200)), "label", exclude_columns=["price"]) | {"kind": "validation"}
    result = store.run(spec)[-1]["result"]
    assert result["rows_read"] == 50 and result["is_complete"] is False and result["problems"] == []
    assert {each["name"]: each["type"] for each in result["columns"]}["city"] == "string"
    assert sum(each["count"] for each in result["target"]["classes"]) == 50
    assert not store.path(spec["output_uri"]).exists()


def test_a_look_at_a_file_without_rows_says_so(store):
    nothing = {"a": pa.array([], pa.float64()), "b": pa.array([], pa.list_(pa.int64()))}
    spec = store.spec(store.parquet(nothing | {"y": pa.array([], pa.float64())}), "y") | {
        "kind": "validation"
    }
    result = store.run(spec)[-1]["result"]
    assert [each["missing_share"] for each in result["columns"]] == [0, 0]
    assert result["problems"][0]["message"] == "The training data has 0 usable rows; at least 10 are needed."
