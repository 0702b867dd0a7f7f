"""The samplers and pruners of Optuna that a study can have."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from .gaussian_process import GaussianProcessSampler
from .space import Space

# Generations of NSGA-II; Optuna's 50 would leave most studies with their first generation, which is random.
_POPULATION = 16
# ASHA looks after so many rounds or folds, then after three times as many, and so on (Li et al. 2020).
FIRST_ROUNDS, _FIRST_FOLDS, _REDUCTION = 10, 1, 3
_WILCOXON_P = 0.1


def make_study(search: dict[str, Any], space: Space) -> optuna.Study:
    """An empty study in memory: docs/searching.md says what each algorithm is."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.create_study(
            directions=["maximize" if each["mode"] == "max" else "minimize" for each in search["objectives"]],
            sampler=_sampler(search, space),
            pruner=_pruner(search),
        )


def _sampler(search: dict[str, Any], space: Space) -> samplers.BaseSampler:
    seed, algorithm = search["seed"] % 2**32, search["algorithm"]
    if algorithm == "bayesian" and len(search["objectives"]) > 1:
        return samplers.NSGAIISampler(population_size=_POPULATION, seed=seed)
    if algorithm in ("bayesian", "hyperband"):
        return samplers.TPESampler(
            # Explicit, because which of them is the default depends on Optuna's version and on the study.
            multivariate=True,
            constant_liar=True,
            group=space.is_conditional,
            seed=seed,
        )
    if algorithm == "gp":
        return GaussianProcessSampler(seed)
    if algorithm == "cmaes":
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    if algorithm == "qmc":
        return samplers.QMCSampler(
            scramble=True, seed=seed, warn_asynchronous_seeding=False, warn_independent_sampling=False
        )
    # The points of a grid are given to each trial, so that nothing is left to suggest.
    return samplers.RandomSampler(seed=seed)


def _pruner(search: dict[str, Any]) -> pruners.BasePruner:
    if search["pruner"] == "median":
        return pruners.MedianPruner()
    if search["pruner"] == "asha":
        first = _FIRST_FOLDS if search["cv_folds"] else FIRST_ROUNDS
        return pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=_REDUCTION)
    if search["pruner"] == "wilcoxon":
        return pruners.WilcoxonPruner(p_threshold=_WILCOXON_P)
    return pruners.NopPruner()
