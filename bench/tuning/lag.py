"""What the lag of deterministic studies costs: in what is found, and in waiting.

`python lag.py` prints a line a function and one a distribution of durations. Suggestion n knows the trials up
to n - lag: a lag of 1 is Optuna with one trial after another.
"""

import argparse
import heapq

import numpy as np
import optuna

LAGS = (1, 2, 4, 8)


def bowl(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    depth = trial.suggest_int("depth", 1, 12)
    share = trial.suggest_float("share", 0.1, 1)
    return (np.log10(rate) + 1.5) ** 2 + 0.1 * (depth - 5) ** 2 + 2 * (share - 0.7) ** 2


def valley(trial: optuna.Trial) -> float:
    x, y = (trial.suggest_float(name, -2, 2) for name in "xy")
    return float(np.log1p(100 * (y - x * x) ** 2 + (1 - x) ** 2))


def hartmann(trial: optuna.Trial) -> float:
    """Hartmann's function of three numbers (Dixon and Szegö 1978), plus its least value."""
    x = np.array([trial.suggest_float(name, 0, 1) for name in "abc"])
    a = np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]])
    p = 1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
    return 3.86278 - float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(a * (x - p) ** 2, axis=1)))


def least(objective, lag: int, seed: int, trials: int) -> float:
    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
    study, asked = optuna.create_study(sampler=sampler), []
    for number in range(trials):
        if number >= lag:
            study.tell(*asked[number - lag])
        trial = study.ask()
        asked.append((trial, objective(trial)))
    return min(value for _, value in asked)


def makespan(durations: np.ndarray, slots: int, lag: int | None) -> float:
    """When the last trial ends, where trial n waits for a slot and for the trials up to n - lag."""
    free = [0.0] * slots
    ends = np.zeros(len(durations))
    for number, duration in enumerate(durations):
        known = max(0, number - lag + 1) if lag is not None else 0
        begin = max(heapq.heappop(free), ends[:known].max(initial=0.0))
        ends[number] = begin + duration
        heapq.heappush(free, ends[number])
    return float(ends.max())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=40)
    options.add_argument("--trials", type=int, default=40)
    given = options.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for objective in (bowl, valley, hartmann):
        found = {
            lag: np.array([least(objective, lag, seed, given.trials) for seed in range(given.seeds)])
            for lag in LAGS
        }
        shown = ", ".join(f"lag {lag}: {np.median(found[lag]):.3f}" for lag in LAGS)
        print(f"{objective.__name__}, least of {given.trials}, median of {given.seeds} seeds: {shown}")
    random = np.random.default_rng(0)
    for spread in (0.3, 0.8):
        draws = [random.lognormal(0, spread, given.trials) for _ in range(200)]
        for slots in (2, 3, 4):
            waits = np.mean([makespan(each, slots, 4) / makespan(each, slots, None) for each in draws])
            print(
                f"log-normal durations ({spread}), {slots} at once: {waits:.3f} times as long by a lag of 4"
            )


if __name__ == "__main__":
    main()
