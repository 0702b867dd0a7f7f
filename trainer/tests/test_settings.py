"""Hyperparameters, training settings, early stopping and what has no meaning."""

import numpy as np
import pytest
from cases import ESTIMATORS, mixed, simple
from jsonschema import Draft7Validator
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils._param_validation import validate_parameter_constraints
from xgboost import XGBClassifier, XGBRegressor

from modelplane_trainer import contracts
from modelplane_trainer.estimators.linear import penalized
from modelplane_trainer.plan import make_plan

KINDS = {
    "random_forest": (RandomForestClassifier, RandomForestRegressor),
    "gradient_boosting": (GradientBoostingClassifier, GradientBoostingRegressor),
    "hist_gradient_boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
    "logistic_regression": (LogisticRegression, None),
    "linear_regression": (None, LinearRegression),
    "extra_trees": (ExtraTreesClassifier, ExtraTreesRegressor),
    "ridge": (None, Ridge),
    "lasso": (None, Lasso),
    "sgd": (SGDClassifier, SGDRegressor),
    "mlp": (MLPClassifier, MLPRegressor),
    "k_nearest_neighbors": (KNeighborsClassifier, KNeighborsRegressor),
    "xgboost": (XGBClassifier, XGBRegressor),
    "lightgbm": (LGBMClassifier, LGBMRegressor),
}
# Names that LightGBM passes on to its core, where its own documentation lists them.
PASSED_ON = {"lightgbm": {"max_bin", "scale_pos_weight"}}
# Where the library weighs rows and not classes, the trainer makes the one of the other.
OURS = {name: {"class_weight"} for name in ("gradient_boosting", "xgboost", "mlp")}


@pytest.mark.parametrize(("framework", "estimator"), ESTIMATORS)
def test_each_hyperparameter_is_the_librarys_own(framework, estimator):
    entry = contracts.entry(framework, estimator)
    for kind, model_type in zip(KINDS[estimator], ("classification", "regression"), strict=True):
        assert (kind is not None) == (model_type in entry["model_types"])
        if kind is None:
            continue
        fields = {
            name: field
            for name, field in entry["hyperparameters"].items()
            if entry["only"].get(name, model_type) == model_type
        }
        unknown = set(fields) - set(kind().get_params()) - PASSED_ON.get(estimator, set())
        unknown -= OURS.get(estimator, set())
        assert not unknown
        defaults = {
            name: field["default"]
            for name, field in fields.items()
            if "default" in field and name not in OURS.get(estimator, set())
        }
        model = kind(**defaults)
        if framework == "sklearn":
            validate_parameter_constraints(
                kind._parameter_constraints, model.get_params(deep=False), kind.__name__
            )


@pytest.mark.parametrize(("framework", "estimator"), ESTIMATORS)
def test_each_default_fits_its_own_schema(framework, estimator):
    entry = contracts.entry(framework, estimator)
    for name, field in entry["hyperparameters"].items():
        Draft7Validator.check_schema(field)
        assert field["description"].endswith(".")
        if "default" in field:
            assert list(Draft7Validator(field).iter_errors(field["default"])) == [], name
    assert set(entry["training_config"]) == {
        "epochs",
        "learning_rate",
        "early_stopping",
        "patience",
        "num_workers",
        "batch_size",
    }


def chosen(framework, names, model_type=None):
    """The rule that the list's description states."""
    known = contracts.estimators()[framework]
    fitting = [
        name
        for name, entry in known["estimators"].items()
        if (model_type is None or model_type in entry["model_types"])
        and set(names) <= set(entry["hyperparameters"])
    ]
    return known["default"] if not names and known["default"] in fitting else fitting[0]


@pytest.mark.parametrize(
    ("names", "model_type", "estimator"),
    [
        (["n_estimators", "max_depth", "min_samples_split"], None, "random_forest"),
        (["n_estimators", "max_depth", "min_samples_split", "learning_rate"], None, "gradient_boosting"),
        ([], None, "hist_gradient_boosting"),
        (["C"], None, "logistic_regression"),
        (["fit_intercept"], "regression", "linear_regression"),
    ],
)
def test_the_rule_of_choice(names, model_type, estimator):
    assert chosen("sklearn", names, model_type) == estimator


def test_the_seeds_request_warns_of_what_has_no_meaning(store):
    spec = store.spec(
        store.parquet(simple()),
        "y",
        estimator="random_forest",
        hyperparameters={"n_estimators": 100, "max_depth": 10, "min_samples_split": 5},
        strategy="data_parallel",
        num_workers=2,
        use_gpu=False,
        epochs=50,
        learning_rate=0.001,
        early_stopping=True,
        patience=5,
        batch_size=64,
    )
    meaningless = "has no meaning for random_forest and was ignored."
    assert [warning for warning in make_plan(spec).warnings if "num_workers" not in warning] == [
        f"training_config.epochs {meaningless}",
        f"training_config.learning_rate {meaningless}",
        f"data_config.batch_size {meaningless}",
        f"training_config.early_stopping {meaningless}",
        f"training_config.patience {meaningless}",
    ]
    result = store.result(spec)
    assert result["parameters"]["max_depth"] == 10 and result["parameters"]["n_estimators"] == 100


def plan(store, framework, estimator, **changes):
    return make_plan(
        store.spec({"format": "csv", "uris": ["s3://a/b"]}, "y", framework, estimator, **changes)
    )


@pytest.mark.parametrize(
    ("framework", "estimator", "rounds"),
    [
        ("sklearn", "gradient_boosting", "n_estimators"),
        ("sklearn", "hist_gradient_boosting", "max_iter"),
        ("sklearn", "logistic_regression", "max_iter"),
        ("xgboost", "xgboost", "n_estimators"),
        ("lightgbm", "lightgbm", "n_estimators"),
    ],
)
def test_epochs_are_rounds_unless_rounds_are_given(store, framework, estimator, rounds):
    assert plan(store, framework, estimator, epochs=33).parameters[rounds] == 33
    both = plan(store, framework, estimator, epochs=33, hyperparameters={rounds: 44})
    assert both.parameters[rounds] == 44 and both.rounds == 44
    assert both.warnings == [f"training_config.epochs was ignored because hyperparameters.{rounds} is given."]


def test_patience(store):
    assert plan(store, "xgboost", "xgboost").patience == 10
    assert plan(store, "xgboost", "xgboost", epochs=5).patience is None
    assert plan(store, "xgboost", "xgboost", epochs=5, early_stopping=True, patience=3).patience == 3
    assert plan(store, "xgboost", "xgboost", early_stopping=False).patience is None
    assert plan(store, "sklearn", "random_forest").patience is None


def test_threads(store):
    assert plan(store, "lightgbm", "lightgbm").threads == 1
    many = plan(store, "lightgbm", "lightgbm", num_workers=10_000)
    assert 1 <= many.threads < 10_000 and "asked for 10000" in many.warnings[0]
    linear = plan(store, "sklearn", "linear_regression", num_workers=2)
    assert linear.threads == 1 and "one thread" in linear.warnings[0]
    assert plan(store, "lightgbm", "lightgbm", use_gpu=True, strategy="horovod").warnings == [
        "training_config.use_gpu was ignored: the local engine trains on the CPU.",
        "training_config.strategy 'horovod' has no meaning for lightgbm on one machine and was ignored.",
    ]


def test_penalties_of_logistic_regression():
    defaults = {"C": 1.0, "l1_ratio": 0.0, "solver": "lbfgs"}

    def effective(**given):
        return penalized(defaults | given, set(given))

    assert effective() == defaults
    assert effective(penalty="l1") == {"C": 1.0, "l1_ratio": 1.0, "solver": "saga"}
    assert effective(penalty="elasticnet", l1_ratio=0.2) == {"C": 1.0, "l1_ratio": 0.2, "solver": "saga"}
    assert effective(penalty=None) == {"C": np.inf, "l1_ratio": 0.0, "solver": "lbfgs"}
    assert effective(penalty="l1", solver="lbfgs")["solver"] == "lbfgs"


BOOSTED = [pair for pair in ESTIMATORS if "boost" in pair[1] or pair[1] == "lightgbm"]
ROUNDS = {"hist_gradient_boosting": "max_iter"}


@pytest.mark.parametrize(("framework", "estimator"), BOOSTED)
@pytest.mark.parametrize("target", ["label", "price"])
def test_early_stopping_keeps_the_best_round(store, framework, estimator, target):
    others = [name for name in ("label", "grade", "price") if name != target]
    rounds = ROUNDS.get(estimator, "n_estimators")
    spec = store.spec(
        store.parquet(mixed(300)),
        target,
        framework,
        estimator,
        exclude_columns=others,
        hyperparameters={rounds: 300, "learning_rate": 0.4},
        early_stopping=True,
        patience=4,
    )
    stopped = store.result(spec)
    best = stopped["parameters"]["best_round"]
    assert best < 296
    again = store.result(
        spec
        | {"hyperparameters": {rounds: best, "learning_rate": 0.4}}
        | {"training": spec["training"] | {"early_stopping": False, "patience": None}}
    )
    assert again["metrics"]["val_loss"] == pytest.approx(stopped["metrics"]["val_loss"], rel=1e-6)
    longer = store.result(spec | {"training": spec["training"] | {"early_stopping": False, "patience": None}})
    assert longer["parameters"]["best_round"] == 300
    assert longer["metrics"]["val_loss"] > stopped["metrics"]["val_loss"]


@pytest.mark.parametrize(("framework", "estimator"), ESTIMATORS)
def test_progress_is_told(store, framework, estimator):
    entry = contracts.entry(framework, estimator)
    target = "label" if "classification" in entry["model_types"] else "price"
    spec = store.spec(
        store.parquet(mixed(300)),
        target,
        framework,
        estimator,
        feature_columns=["number", "city"],
        epochs=12 if entry["training_config"]["epochs"]["has_meaning"] else None,
    )
    events = store.run(spec)
    assert events[0]["type"] == "started" and events[0]["workers"] == 1
    progress = [event for event in events if event["type"] == "progress"]
    phases = ["reading", "fitting", "exporting", "checking", "explaining", "publishing"]
    assert list(dict.fromkeys(event["phase"] for event in progress)) == phases
    assert list(progress[-1]["phase_seconds"]) == phases
    assert progress[0]["current_epoch"] == 0 and progress[0]["current_loss"] is None
    told = [event for event in progress if event["phase"] == "fitting" and event["current_epoch"] > 0]
    assert told and told[-1]["current_epoch"] == told[-1]["total_epochs"]
    epochs = [event["current_epoch"] for event in told]
    assert epochs == sorted(set(epochs))
    assert told[-1]["current_loss"] >= told[-1]["best_loss"] > 0
    assert {"val_loss"} <= set(told[-1]["metrics"])
    metrics = events[-1]["result"]["metrics"]
    assert told[-1]["metrics"]["val_loss"] == pytest.approx(metrics["val_loss"], rel=1e-3)


def test_a_solver_that_has_not_converged_says_so(store):
    spec = store.spec(store.parquet(mixed()), "grade", estimator="logistic_regression", epochs=2)
    (warning,) = (each for each in store.warnings(spec) if "converged" in each)
    assert warning.startswith("logistic_regression had not converged after 2 passes")


def test_a_forest_is_the_same_whatever_the_steps(store, monkeypatch):
    train = store.parquet(mixed(200))
    spec = store.spec(train, "label", estimator="random_forest", hyperparameters={"n_estimators": 23})
    one = store.result(spec)
    monkeypatch.setattr("modelplane_trainer.estimators.forest.TREES_A_STEP", 4)
    monkeypatch.setattr("modelplane_trainer.estimators.forest.LONGEST_STEP_SECONDS", 0)
    assert store.result(spec)["files"]["model"] == one["files"]["model"]


def test_class_weights_and_scaled_positives(store):
    random = np.random.default_rng(0)
    x = random.normal(size=600)
    y = (x + random.normal(size=600) > 2.3).astype(int)
    train = store.parquet({"x": x, "y": y})
    for framework, estimator, weights in (
        ("sklearn", "logistic_regression", {"class_weight": "balanced"}),
        ("sklearn", "random_forest", {"class_weight": "balanced_subsample", "min_samples_leaf": 20}),
        ("sklearn", "hist_gradient_boosting", {"class_weight": "balanced"}),
        ("xgboost", "xgboost", {"scale_pos_weight": 15}),
        ("lightgbm", "lightgbm", {"class_weight": "balanced"}),
    ):
        plain = {name: value for name, value in weights.items() if "weight" not in name}
        spec = store.spec(train, "y", framework, estimator)
        one, weighted = (store.result(spec | {"hyperparameters": given}) for given in (plain, weights))
        # The rare class is held likelier than it is.
        assert weighted["metrics"]["val_loss"] > one["metrics"]["val_loss"]
        assert weighted["files"]["model"]["sha256"] != one["files"]["model"]["sha256"]
    spec = store.spec(
        store.parquet(mixed(200)), "grade", "xgboost", "xgboost", exclude_columns=["label", "price"]
    )
    warnings = store.warnings(spec | {"hyperparameters": {"scale_pos_weight": 2}})
    assert any("more than two classes" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("framework", "estimator", "hyperparameters"),
    [
        ("sklearn", "logistic_regression", {"penalty": "elasticnet", "max_iter": 50}),
        ("sklearn", "logistic_regression", {"solver": "newton-cholesky"}),
        ("sklearn", "logistic_regression", {"penalty": None, "solver": "newton-cg"}),
        ("sklearn", "linear_regression", {"positive": True}),
        ("sklearn", "random_forest", {"criterion": "entropy", "max_features": 0.5, "max_samples": 0.5}),
        ("sklearn", "gradient_boosting", {"subsample": 0.5, "max_leaf_nodes": 6, "min_samples_leaf": 0.05}),
        ("sklearn", "hist_gradient_boosting", {"max_bins": 16, "max_features": 0.5, "l2_regularization": 1}),
        ("xgboost", "xgboost", {"tree_method": "exact", "colsample_bytree": 0.5, "gamma": 0.1}),
        ("xgboost", "xgboost", {"grow_policy": "lossguide", "max_leaves": 8, "max_depth": 0, "max_bin": 16}),
        ("lightgbm", "lightgbm", {"subsample": 0.5, "subsample_freq": 1, "max_bin": 16, "max_depth": 3}),
        ("sklearn", "extra_trees", {"n_estimators": 20, "bootstrap": True, "max_samples": 0.5}),
        ("sklearn", "ridge", {"alpha": 3.0, "positive": True}),
        ("sklearn", "lasso", {"alpha": 20.0, "fit_intercept": False}),
        (
            "sklearn",
            "sgd",
            {"penalty": "elasticnet", "learning_rate": "optimal", "average": True, "max_iter": 9},
        ),
        ("sklearn", "sgd", {"loss": "huber", "epsilon": 0.5, "penalty": None, "max_iter": 9}),
        ("sklearn", "sgd", {"loss": "epsilon_insensitive", "learning_rate": "constant", "max_iter": 9}),
        (
            "sklearn",
            "mlp",
            {"hidden_layer_sizes": [8, 4], "activation": "tanh", "solver": "sgd", "max_iter": 9},
        ),
        ("sklearn", "mlp", {"activation": "logistic", "batch_size": 50, "max_iter": 9}),
        ("sklearn", "mlp", {"activation": "identity", "max_iter": 9}),
    ],
)
def test_settings_survive_the_conversion(store, framework, estimator, hyperparameters):
    classifies = "classification" in contracts.entry(framework, estimator)["model_types"]
    target = "label" if classifies and "loss" not in hyperparameters else "price"
    others = [name for name in ("label", "grade", "price") if name != target]
    spec = store.spec(
        store.parquet(mixed(300)),
        target,
        framework,
        estimator,
        exclude_columns=others,
        hyperparameters=hyperparameters,
    )
    parameters = store.result(spec)["parameters"]
    kept = {name: value for name, value in hyperparameters.items() if name != "penalty"}
    assert parameters.items() >= kept.items()


@pytest.mark.parametrize(
    ("framework", "estimator"),
    [("xgboost", "xgboost"), ("lightgbm", "lightgbm"), ("sklearn", "hist_gradient_boosting")],
)
def test_rounds_are_measured_on_a_sample_of_many_rows(store, monkeypatch, framework, estimator):
    """The loss after each round is that of evenly many training rows; what is published is of all."""
    columns = mixed(600)
    spec = store.spec(
        store.parquet(columns), "label", framework, estimator, exclude_columns=["grade", "price"], epochs=5
    )
    whole = store.run(spec)
    monkeypatch.setattr("modelplane_trainer.progress.MOST_SHOWN_ROWS", 100)
    sampled = store.run(spec)
    shown = [
        next(event["metrics"] for event in reversed(events) if event["type"] == "progress")
        for events in (whole, sampled)
    ]
    assert shown[0]["train_loss"] != shown[1]["train_loss"]
    assert shown[0]["train_loss"] == pytest.approx(shown[1]["train_loss"], rel=0.5)
    assert shown[0]["val_loss"] == shown[1]["val_loss"]
    results = [events[-1]["result"] for events in (whole, sampled)]
    assert results[0]["metrics"] == results[1]["metrics"]
    assert results[0]["files"]["core"] == results[1]["files"]["core"]
