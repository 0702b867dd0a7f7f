"""A sampler of Optuna that asks a Gaussian process of scikit-learn; Optuna's own needs PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from optuna import Study
from optuna._transform import _SearchSpaceTransform as Transform
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

# Trials by chance first, as many as the Parzen estimators have.
_FIRST_TRIALS = 10
# The time of a suggestion grows with the cube of the trials that it learns from.
_MOST_TRIALS = 250
_CANDIDATES = 600
# Around the best trial and the best candidate it is looked closer, in parts of a range.
_STEPS = (0.1, 0.03, 0.01)
_CLOSER = 60


class GaussianProcessSampler(BaseSampler):
    """Bayesian optimisation of one objective: expected improvement (Jones et al. 1998) of a Gaussian process.

    Its kernel is Matérn's of smoothness 5/2 with a length a parameter (Snoek et al. 2012), with noise; its
    hyperparameters are those of the greatest likelihood. Parameters are scaled to [0, 1], by their logarithm
    where they are searched so; choices are one-hot. A trial without a value of its own, because it runs, has
    failed, was pruned or breaks a constraint, stands with the worst value seen, so that nothing near it is
    asked again at once, and no point twice while others are left. Parameters with conditions are left to
    chance, as they are not in every trial.

    Args:
        seed: from 0; the suggestion of a trial draws from it and from its number alone.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = RandomSampler(seed=seed)
        self._space = IntersectionSearchSpace()

    def reseed_rng(self) -> None:
        self._chance.reseed_rng()

    def infer_relative_search_space(self, study: Study, _trial: FrozenTrial) -> dict[str, BaseDistribution]:
        found = self._space.calculate(study)
        return {name: each for name, each in found.items() if not each.single()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._chance.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        known = [
            each
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number and search_space.keys() <= each.params.keys()
        ]
        sign = 1.0 if study.direction is StudyDirection.MAXIMIZE else -1.0
        values = np.array([sign * each.value if _counts(each) else np.nan for each in known])
        if not search_space or np.count_nonzero(~np.isnan(values)) < _FIRST_TRIALS:
            return {}
        values[np.isnan(values)] = np.nanmin(values)
        random = np.random.default_rng([self._seed, trial.number])
        if len(known) > _MOST_TRIALS:
            best = np.argsort(-values, kind="stable")
            others = random.choice(best[_MOST_TRIALS // 2 :], _MOST_TRIALS - _MOST_TRIALS // 2, replace=False)
            kept = np.sort(np.concatenate([best[: _MOST_TRIALS // 2], others]))
            known, values = [known[place] for place in kept], values[kept]
        transform = Transform(search_space, transform_0_1=True)
        points = np.array(
            [transform.transform({name: each.params[name] for name in search_space}) for each in known]
        )
        return transform.untransform(_best_point(_fitted(points, values), transform, points, values, random))


def _counts(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and all(
        excess <= 0 for name, excess in trial.system_attrs.items() if name.startswith("constraints:")
    )


def _fitted(points: np.ndarray, values: np.ndarray) -> GaussianProcessRegressor:
    lengths = Matern(np.full(points.shape[1], 0.5), (0.02, 20.0), nu=2.5)
    kernel = ConstantKernel(1.0, (0.01, 100.0)) * lengths + WhiteKernel(0.01, (1e-6, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(points, values)


def _best_point(
    process: GaussianProcessRegressor,
    transform: Transform,
    points: np.ndarray,
    values: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """The point of the greatest expected improvement that is found, as it is once it has been rounded."""
    dimensions = points.shape[1]
    asked = {point.tobytes() for point in points}

    def rounded(candidates: np.ndarray) -> np.ndarray:
        return np.array([transform.transform(transform.untransform(each)) for each in candidates])

    def improvement(candidates: np.ndarray) -> np.ndarray:
        mean, deviation = process.predict(candidates, return_std=True)
        deviation = np.maximum(deviation, 1e-12)
        excess = (mean - values.max()) / deviation
        expected = deviation * (excess * norm.cdf(excess) + norm.pdf(excess))
        return np.where([point.tobytes() in asked for point in candidates], -1.0, expected)

    def near(point: np.ndarray, step: float) -> np.ndarray:
        return np.clip(point + random.normal(0, step, (_CLOSER, dimensions)), 0, 1)

    known = points[int(np.argmax(values))]
    best, most = known, -np.inf

    def consider(candidates: np.ndarray) -> None:
        nonlocal best, most
        candidates = rounded(candidates)
        expected = improvement(candidates)
        place = int(np.argmax(expected))
        if expected[place] > most:
            best, most = candidates[place], expected[place]

    everywhere = random.uniform(0, 1, (_CANDIDATES, dimensions))
    consider(np.concatenate([everywhere, *(near(known, step) for step in _STEPS)]))
    for step in _STEPS:
        consider(near(best, step))
    return best
