"""Studies: suggestions beside Optuna itself, what a fault leaves, and what comes out."""

import json
import os
import signal
import time

import numpy as np
import optuna
import pytest
from cases import Store
from sklearn.model_selection import StratifiedKFold
from studies import Engine, study_spec, trials_of, what_decides

from modelplane_trainer import dataset, fitting, storage
from modelplane_trainer.evaluation import classification_metrics
from modelplane_trainer.events import Quiet
from modelplane_trainer.plan import make_plan
from modelplane_trainer.preprocessing import frame
from modelplane_trainer.tuning.gaussian_process import GaussianProcessSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Plainly:
    """An objective as a script would have it: one training after another in one process."""

    def __init__(self, spec: dict) -> None:
        self.spec, self.folds = spec, spec["search"]["cv_folds"]
        self.metrics = [each["metric"].removeprefix("val_") for each in spec["search"]["objectives"]]
        self.data = dataset.load(spec, Quiet(), storage.open_store(spec["storage"], None))

    def __call__(self, trial: optuna.Trial) -> float | list[float]:
        parameters = {
            "n_estimators": trial.suggest_int("n_estimators", 5, 29),
            "max_depth": [1, 2, 3][trial.suggest_categorical("max_depth", [0, 1, 2])],
            "learning_rate": trial.suggest_float("learning_rate", 0.001, 0.5, log=True),
        }
        if self.folds is None:
            prunes = self.spec["search"]["pruner"] != "none"
            rounds = Rounds(trial) if prunes else None
            measured = self.measured(parameters, self.data.train, self.data.validation, rounds)
            return measured if len(measured) > 1 else measured[0]
        y, values = self.data.target.values[self.data.train], []
        cut = StratifiedKFold(self.folds, shuffle=True, random_state=self.spec["training"]["seed"])
        for number, (kept, held) in enumerate(cut.split(y, y), 1):
            parts = self.data.train[kept], self.data.train[held]
            values += self.measured(parameters, *parts, None)
            trial.report(values[-1], number)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(values))

    def measured(self, parameters: dict, train: np.ndarray, held_out: np.ndarray, rounds) -> list[float]:
        plan = make_plan({**self.spec, "hyperparameters": parameters})
        fitting.fit_to_target(plan, self.data.target, Quiet())
        pipeline, _, _ = fitting.fit_pipeline(plan, self.data, train, held_out, rounds)
        probabilities = pipeline.predict_proba(frame(self.data.features, held_out))
        metrics = classification_metrics(self.data.target.values[held_out], probabilities)
        return [metrics[name] for name in self.metrics]


class Rounds:
    """Reports the validation loss of every tenth round."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def progress(self, current_epoch: int, metrics: dict, **_fields: object) -> None:
        if current_epoch % 10 == 0:
            self.trial.report(metrics["val_loss"], current_epoch)
            if self.trial.should_prune():
                raise optuna.TrialPruned


def tpe() -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=3, multivariate=True, constant_liar=True)


BOTH = [{"metric": "val_loss", "mode": "min"}, {"metric": "val_accuracy", "mode": "max"}]
SHARP = [{"metric": "val_roc_auc", "mode": "max"}]
# What of a study's specification is as what of a script.
SCRIPTS = {
    "bayesian": ({}, tpe, None),
    "random": ({"algorithm": "random"}, lambda: optuna.samplers.RandomSampler(seed=3), None),
    "qmc": ({"algorithm": "qmc"}, lambda: optuna.samplers.QMCSampler(seed=3, scramble=True), None),
    "cmaes": ({"algorithm": "cmaes"}, lambda: optuna.samplers.CmaEsSampler(seed=3), None),
    "gp": ({"algorithm": "gp"}, lambda: GaussianProcessSampler(3), None),
    "several objectives": (
        {"objectives": BOTH, "num_trials": 40},
        lambda: optuna.samplers.NSGAIISampler(seed=3, population_size=16),
        None,
    ),
    "hyperband": (
        {"algorithm": "hyperband", "pruner": "asha"},
        tpe,
        lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=10, reduction_factor=3),
    ),
    "median of rounds": ({"pruner": "median", "num_trials": 20}, tpe, optuna.pruners.MedianPruner),
    "folds": ({"cv_folds": 3, "objectives": SHARP}, tpe, None),
    "wilcoxon of folds": (
        {"cv_folds": 5, "pruner": "wilcoxon", "objectives": SHARP, "num_trials": 20},
        tpe,
        lambda: optuna.pruners.WilcoxonPruner(p_threshold=0.1),
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_trials_are_those_of_a_script_with_optuna(store, name):
    changes, sampler, pruner = SCRIPTS[name]
    spec = study_spec(store, **{"lag": 1, **changes})
    objectives = spec["search"]["objectives"]
    study = optuna.create_study(
        sampler=sampler(),
        pruner=pruner() if pruner else optuna.pruners.NopPruner(),
        directions=["maximize" if each["mode"] == "max" else "minimize" for each in objectives],
    )
    study.optimize(Plainly(spec), spec["search"]["num_trials"])

    trials = trials_of(store.run(spec))
    assert [internal(trial["parameters"]) for trial in trials] == [trial.params for trial in study.trials]
    for ours, theirs in zip(trials, study.trials, strict=True):
        assert (ours["state"] == "pruned") == (theirs.state == optuna.trial.TrialState.PRUNED)
        if ours["state"] == "succeeded":
            assert ours["values"] == pytest.approx(theirs.values)
        if pruner:
            assert [step["step"] for step in ours["steps"]] == list(theirs.intermediate_values)
    if pruner:
        assert {"succeeded", "pruned"} == {trial["state"] for trial in trials}


def test_a_suggestion_knows_the_trials_that_lie_the_lag_behind(store):
    spec = study_spec(store, lag=4, max_concurrent_trials=4)
    objective, study, asked = Plainly(spec), optuna.create_study(sampler=tpe()), []
    for number in range(spec["search"]["num_trials"]):
        if number >= 4:
            study.tell(*asked[number - 4])
        trial = study.ask()
        asked.append((trial, objective(trial)))

    trials = trials_of(store.run(spec))
    assert [internal(trial["parameters"]) for trial in trials] == [trial.params for trial in study.trials]


def internal(parameters: dict) -> dict:
    """Parameters as the scripts above suggest them."""
    return parameters | {"max_depth": parameters["max_depth"] - 1}


@pytest.mark.parametrize("name", ["bayesian", "gp", "hyperband", "several objectives", "wilcoxon of folds"])
def test_how_many_run_at_once_changes_no_trial(tmp_path, name):
    settings = SCRIPTS[name][0] | {"num_trials": 20}

    def trials(name: str, **changes) -> list[tuple]:
        (tmp_path / name).mkdir()
        store = Store(tmp_path / name)
        return what_decides(trials_of(store.run(study_spec(store, **settings, **changes))))

    one = trials("one", max_concurrent_trials=1)
    assert trials("several", max_concurrent_trials=4) == one
    assert len({json.dumps(trial[2]) for trial in one}) > 10


def test_another_seed_gives_other_trials(store):
    first, second = (
        trials_of(store.run(study_spec(store, seed=seed, state_uri=f"s3://modelplane/jobs/{seed}/")))
        for seed in (3, 4)
    )
    assert what_decides(first) != what_decides(second)


FAULTS = [
    (0, {}),
    (7, {}),
    (13, {}),
    (7, {"algorithm": "hyperband", "pruner": "asha"}),
    (7, {"cv_folds": 5, "pruner": "wilcoxon", "objectives": SHARP}),
    (7, {"deterministic": False}),
]


@pytest.mark.parametrize("ended, settings", FAULTS)
def test_an_engine_that_is_killed_goes_on(tmp_path, server, ended, settings):
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Store(tmp_path / "undisturbed")
    changes = {"lag": 3, **settings}
    whole = trials_of(undisturbed.run(study_spec(undisturbed, **changes)))

    store = Store(tmp_path)
    spec = study_spec(store, **changes)
    engine = Engine(server, spec)
    count = 0

    def is_time(event: dict) -> bool:
        nonlocal count
        is_trial = event["type"] == "trial"
        count += is_trial and event["trial"]["state"] != "running"
        return is_trial and count >= ended

    engine.read(is_time)
    engine.kill()
    known = trials_of(engine.events)
    running = {
        event["trial"]["number"]: event["trial"]["parameters"]
        for event in engine.events
        if event["type"] == "trial" and event["trial"]["state"] == "running"
    }

    later = store.run({**spec, "attempt": 2, "trials_known": len(known)})
    trials = sorted([*known, *trials_of(later)], key=lambda trial: trial["number"])
    assert [trial["number"] for trial in trials] == list(range(14))
    for trial in trials:
        assert trial["parameters"] == running.get(trial["number"], trial["parameters"])
    if spec["search"]["deterministic"]:
        assert what_decides(trials) == what_decides(whole)


def test_attempt_after_attempt_may_be_killed(tmp_path, server):
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Store(tmp_path / "undisturbed")
    whole = trials_of(undisturbed.run(study_spec(undisturbed)))
    store, known = Store(tmp_path), []
    spec = study_spec(store)
    for attempt in range(1, 4):
        engine = Engine(server, {**spec, "attempt": attempt, "trials_known": len(known)})
        engine.read(lambda event: event["type"] == "trial" and event["trial"]["state"] != "running")
        engine.kill()
        known += trials_of(engine.events)
    last = store.run({**spec, "attempt": 4, "trials_known": len(known)})
    trials = sorted([*known, *trials_of(last)], key=lambda trial: trial["number"])
    assert what_decides(trials) == what_decides(whole)


def slow(store: Store, **changes) -> dict:
    """A study whose trials take long enough to be met."""
    space = [{"name": "n_estimators", "type": "choice", "values": [1500]}]
    return study_spec(store, space=space, algorithm="random", **changes)


def test_a_trial_whose_process_is_killed_is_begun_once_more(store, server):
    engine = Engine(server, slow(store, num_trials=2, max_concurrent_trials=1))
    engine.read(lambda event: event["type"] == "trial")
    killed = wait_for_processes(engine)
    os.kill(killed[0], signal.SIGKILL)
    engine.read(lambda _: False)
    first, second = trials_of(engine.events)
    assert (first["state"], first["tries"], second["tries"]) == ("succeeded", 2, 1)


def test_a_trial_whose_process_dies_twice_has_failed(store, server):
    engine = Engine(server, slow(store, num_trials=2, max_concurrent_trials=1))
    for _ in range(2):
        engine.read(lambda event: event["type"] == "trial")
        os.kill(wait_for_processes(engine)[0], signal.SIGKILL)
    engine.read(lambda _: False)
    first, second = trials_of(engine.events)
    assert (first["state"], second["state"]) == ("failed", "succeeded")
    assert first["reason"] == "The process of the trial was ended by SIGKILL. It was tried 2 times."
    assert engine.events[-1]["type"] == "succeeded"


def wait_for_processes(engine: Engine) -> list[int]:
    while not (found := engine.trial_processes()):
        time.sleep(0.01)
    return found


def test_the_best_trial_becomes_what_a_training_makes_of_it(store):
    spec = study_spec(store, top_k=1, importance="permutation", calibration="sigmoid")
    result = store.result_of(spec)
    version = result["versions"][0]
    assert version["number"] == result["best"]["number"]
    training_spec = store.spec(
        spec["data"]["train"],
        "y",
        estimator="gradient_boosting",
        hyperparameters=result["best"]["parameters"],
        exclude_columns=["price"],
        calibration="sigmoid",
    )
    trained = store.result(training_spec)
    ours = version["trained"]
    for field in (
        "signature",
        "metrics",
        "calibration",
        "threshold_curve",
        "importance",
        "data",
        "model_type",
    ):
        assert ours[field] == trained[field], field
    for role in ("model", "core", "baseline", "background"):
        assert ours["files"][role]["sha256"] == trained["files"][role]["sha256"], role
    file = store.path(spec["output_uri"]) / version["folder"] / "model.onnx"
    assert file.stat().st_size == ours["files"]["model"]["size_bytes"]
    assert ours["metrics"]["val_loss"] == pytest.approx(result["best"]["value"], abs=1e-6)


def test_data_that_changed_between_attempts_is_refused(store):
    spec = study_spec(store)
    store.run(spec)
    changed = np.random.default_rng(1).normal(size=400)
    path = spec["data"]["train"]["uris"][0]
    store.parquet({"x0": changed, "y": (changed > 0).astype(int), "price": changed}, path)
    code, message = store.failure({**spec, "attempt": 2})
    assert code == "DATA_UNFIT"
    assert message.startswith("The data is not what it was when the study began")
