"""What a study leaves: the order of its trials, what mattered, and a file of all of them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.parquet as pq
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from .search import History, excesses
from .space import Space
from .trial import SUCCEEDED, Trial

# The time of fANOVA grows with the square of the trials; these are taken evenly from all of them.
_MOST_WEIGHED_TRIALS = 250
_FEWEST_WEIGHED_TRIALS = 4
_TIME = pa.timestamp("ms", tz="UTC")


def ranked(trials: list[Trial], objectives: list[dict[str, str]]) -> list[Trial]:
    """Feasible trials of different parameters, the best first; of several objectives the Pareto front."""
    feasible = [trial for trial in trials if trial.feasible]
    if len(objectives) > 1:
        front = set(pareto_front(trials, objectives))
        feasible = [trial for trial in feasible if trial.number in front]
    else:
        feasible.sort(key=History(objectives).rank, reverse=True)
    different: dict[str, Trial] = {}
    for trial in feasible:
        different.setdefault(json.dumps(trial.parameters, sort_keys=True), trial)
    return list(different.values())


def pareto_front(trials: list[Trial], objectives: list[dict[str, str]]) -> list[int]:
    """Numbers of the feasible trials than which no other is as good in every objective and better in one."""
    trials = [trial for trial in trials if trial.feasible]
    signs = np.array([1 if each["mode"] == "min" else -1 for each in objectives])
    losses = np.array([trial.values for trial in trials]).reshape(len(trials), len(objectives)) * signs
    return [
        trial.number
        for trial, own in zip(trials, losses, strict=True)
        if not np.any(np.all(losses <= own, axis=1) & np.any(losses < own, axis=1))
    ]


def importance(trials: list[Trial], space: Space, search: dict[str, Any]) -> list[dict[str, Any]] | None:
    """How much of an objective's variance each parameter explains; None where the trials do not tell."""
    ended = [trial for trial in trials if trial.state == SUCCEEDED]
    ended = ended[:: -(-len(ended) // _MOST_WEIGHED_TRIALS) or 1]
    if len(ended) < _FEWEST_WEIGHED_TRIALS:
        return None
    directions = ["maximize" if each["mode"] == "max" else "minimize" for each in search["objectives"]]
    study = optuna.create_study(directions=directions)
    study.add_trials([frozen(trial, space, search) for trial in ended])
    found = []
    for place, objective in enumerate(search["objectives"]):
        if len({trial.values[place] for trial in ended}) == 1:
            return None
        evaluator = FanovaImportanceEvaluator(seed=search["seed"] % 2**32)
        shares = evaluator.evaluate(study, target=lambda trial, place=place: trial.values[place])
        listed = [{"name": name, "importance": share} for name, share in shares.items()]
        listed.sort(key=lambda each: -each["importance"])
        found.append({"metric": objective["metric"], "parameters": listed})
    return found


def frozen(trial: Trial, space: Space, search: dict[str, Any]) -> FrozenTrial:
    """A trial that has succeeded as Optuna keeps it.

    Raises:
        ValueError: its parameters do not fit the space.
        KeyError: a metric of a constraint was not measured.
    """
    internal = space.internal_of(trial.parameters)
    constraints = excesses(search["constraints"], trial.metrics)
    return create_trial(
        state=TrialState.COMPLETE,
        params=internal,
        distributions=space.distributions_of(internal),
        values=trial.values,
        intermediate_values={int(step["step"]): step["value"] for step in trial.steps},
        system_attrs={f"constraints:{place}": excess for place, excess in enumerate(constraints)},
    )


def as_parquet(trials: list[Trial], search: dict[str, Any], names: list[str]) -> bytes:
    """A row a trial.

    Args:
        trials: those that have ended.
        search: of the specification.
        names: parameters of the space.
    """
    columns: dict[str, pa.Array] = {
        "number": pa.array([trial.number for trial in trials], pa.int64()),
        "state": pa.array([trial.state for trial in trials], pa.string()),
        "origin": pa.array([trial.origin for trial in trials], pa.string()),
    }
    several = len(search["objectives"]) > 1
    for place in range(len(search["objectives"])):
        values = [trial.values[place] if trial.values else None for trial in trials]
        columns[f"value_{place}" if several else "value"] = pa.array(values, pa.float64())
    columns["feasible"] = pa.array([trial.feasible for trial in trials], pa.bool_())
    for name in names:
        columns[f"param_{name}"] = _parameter([trial.parameters.get(name) for trial in trials])
    for name in sorted({name for trial in trials for name in trial.metrics}):
        columns[f"metric_{name}"] = pa.array([trial.metrics.get(name) for trial in trials], pa.float64())
    steps = pa.list_(pa.struct([("step", pa.int64()), ("value", pa.float64())]))
    columns["steps"] = pa.array([trial.steps for trial in trials], steps)
    for name in ("started_at", "ended_at"):
        columns[name] = pa.array([getattr(trial, name) for trial in trials], pa.string()).cast(_TIME)
    columns["duration_seconds"] = pa.array([trial.duration_seconds for trial in trials], pa.float64())
    columns["tries"] = pa.array([trial.tries for trial in trials], pa.int64())
    columns["reason"] = pa.array([trial.reason for trial in trials], pa.string())
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _parameter(values: list[Any]) -> pa.Array:
    """Numbers, booleans or texts as they are; values of several kinds, lists and objects as JSON."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        is_whole = kinds == {int} and all(abs(value) < 2**63 for value in values if value is not None)
        return pa.array(values, pa.int64() if is_whole else pa.float64())
    for kind, type_ in ((bool, pa.bool_()), (str, pa.string())):
        if kinds == {kind}:
            return pa.array(values, type_)
    return pa.array([None if value is None else json.dumps(value) for value in values], pa.string())
