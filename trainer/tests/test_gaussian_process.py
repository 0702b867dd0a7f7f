"""The Gaussian process that suggests parameters."""

import math
import warnings

import numpy as np
import optuna
import pytest

from modelplane_trainer.tuning.gaussian_process import GaussianProcessSampler

LEAST_OF_BRANIN = 0.397887


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def branin(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    bent = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def mixed(trial: optuna.Trial) -> float:
    """Least where the choice is `a`, the number 20 and the rate 0.01."""
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    number = trial.suggest_int("number", 1, 300, log=True)
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    even = trial.suggest_int("even", 0, 10, step=2)
    far = (math.log10(rate) + 2) ** 2 + math.log(number / 20) ** 2 + "abc".index(kind)
    return far + abs(even - 4) / 4


def best(sampler: optuna.samplers.BaseSampler, objective, sign: int = 1) -> float:
    study = optuna.create_study(sampler=sampler, direction="minimize" if sign > 0 else "maximize")
    study.optimize(lambda trial: sign * objective(trial), 30)
    return sign * study.best_value


@pytest.mark.parametrize(("objective", "least"), [(branin, LEAST_OF_BRANIN), (mixed, 0)])
def test_it_finds_more_than_parzen_estimators_in_few_trials(objective, least):
    ours = [best(GaussianProcessSampler(seed), objective) for seed in range(3)]
    theirs = [best(optuna.samplers.TPESampler(seed=seed, multivariate=True), objective) for seed in range(3)]
    assert np.median(ours) < np.median(theirs)
    assert np.median(ours) < least + 0.05


def test_more_is_searched_as_less():
    assert best(GaussianProcessSampler(1), branin, -1) == best(GaussianProcessSampler(1), branin)


def test_what_has_no_value_is_not_asked_for_again_at_once():
    """The left half fails, and lies nearer to the best of the right half than anything else does."""
    study = optuna.create_study(sampler=GaussianProcessSampler(2))
    asked = []
    for _ in range(30):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        asked.append(x)
        if x < 0.5:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, x)
    later = np.array(asked[20:])
    assert np.mean(later < 0.5) < 0.5
    assert study.best_value < 0.52


def test_trials_that_run_are_kept_away_from():
    study = optuna.create_study(sampler=GaussianProcessSampler(3))
    study.optimize(branin, 12)
    points = np.array(
        [
            [trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)]
            for trial in (study.ask() for _ in range(4))
        ]
    )
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 0.5


def test_a_constraint_counts():
    study = optuna.create_study(sampler=GaussianProcessSampler(4))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("0", 0.3 - x)
        return x

    study.optimize(objective, 30)
    assert np.mean([trial.params["x"] >= 0.3 for trial in study.trials[15:]]) > 0.5


def test_equal_values_and_many_trials_are_no_fault(monkeypatch):
    monkeypatch.setattr("modelplane_trainer.tuning.gaussian_process._MOST_TRIALS", 12)
    study = optuna.create_study(sampler=GaussianProcessSampler(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(lambda trial: 0 * trial.suggest_float("x", 0, 1), 16)
    assert len({trial.params["x"] for trial in study.trials}) > 12
