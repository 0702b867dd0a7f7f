"""One attempt of a study, from its data to its result."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from ..dataset import Dataset, load
from ..events import EventWriter
from ..failures import DATA_UNREADABLE, PARITY_FAILED, JobFailure, unfit
from ..fitting import fit_to_target, seed_random_sources
from ..plan import make_plan
from ..storage import Store
from ..training import fit, publish, refit
from .ending import as_parquet, frozen, importance, pareto_front, ranked
from .journal import Journal
from .measuring import Measuring
from .search import History, Search
from .space import Space
from .trial import STATES, SUCCEEDED, Trial

# Written by the service where more trials are wanted than an attempt was told of.
_MORE_TRIALS = "num_trials.json"
# Trials that are trained in place of better ones whose export is refused.
_MOST_SPARE_TRIALS = 3


def run(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Search, going on behind the trials that earlier attempts have ended, and train what was best.

    Returns:
        The result of the `succeeded` event.

    Raises:
        GaveWay: asked to, between two trials.
        JobFailure: with what is wrong and what is allowed.
    """
    return _Study(spec, events, store).result()


class _Study:
    def __init__(self, spec: dict[str, Any], events: EventWriter, store: Store) -> None:
        self._spec, self._search_spec = spec, spec["search"]
        self._events, self._store = events, store
        self._told = _Told(events)
        self._phase = "reading"
        self._search: Search | None = None
        self._space = Space(spec)
        slots = self._search_spec["max_concurrent_trials"]
        events.started(workers=slots, gpus=0)
        self._report()
        self._dataset = load(spec, self._told, store)
        self._check_target()
        self._parents, before = self._read_parents()
        journal = Journal(store, spec["state_uri"], spec["attempt"])
        self._refuse_other_data(journal)
        self._search = Search(
            spec,
            self._space,
            Measuring(spec, self._dataset),
            journal,
            before,
            self._tell,
            self._wanted_trials,
        )

    def result(self) -> dict[str, Any]:
        search, events = self._search, self._events
        self._phase = "searching"
        if search.ended:
            events.log(f"Going on after {len(search.ended)} ended trials.")
        for trial in search.ended[self._spec["trials_known"] :]:
            events.trial(trial.as_json())
        self._report()
        search.run([events.descriptor])
        seconds = round(search.seconds, 3)
        self._phase = "refitting"
        self._report()
        events.flush_progress()
        objectives = self._search_spec["objectives"]
        trials = sorted(search.ended, key=lambda trial: trial.number)
        # By number, and not as they ended: which of two equal ones is the best is then no matter of time.
        history = History(objectives)
        for trial in trials:
            history.add(trial)
        order = ranked(trials, objectives)
        if not order:
            events.warning(f"None of {len(search.trials)} trials is feasible, so that no model was trained.")
        return {
            "trials": search.counts(),
            "num_trials": search.num_trials,
            "stopped_by": search.stopped_by,
            "search_seconds": seconds,
            "best": _described(history.best),
            "pareto_front": pareto_front(trials, objectives) if len(objectives) > 1 else None,
            "versions": self._train_best(order),
            "importance": importance(trials, self._space, self._search_spec),
            "history": _improvements(history),
            "parents": self._parents,
            "trials_file": self._write_trials(trials),
        }

    def _train_best(self, order: list[Trial]) -> list[dict[str, Any]]:
        """Models of the best trials, and of the next best where an export does not answer as its model does.

        Raises:
            JobFailure: none of them can be exported.
        """
        wanted, versions, refusal = self._spec["finish"]["top_k"], [], None
        for trial in order[: wanted + _MOST_SPARE_TRIALS]:
            if len(versions) == wanted:
                break
            try:
                versions.append(self._train(trial))
            except JobFailure as failure:
                if failure.code != PARITY_FAILED:
                    raise
                refusal = failure
                self._events.warning(f"Trial {trial.number} gives no model: {failure.message}")
        if refusal is not None and not versions:
            raise refusal
        return versions

    def _train(self, trial: Trial) -> dict[str, Any]:
        """A trial's model as a training would make it."""
        folder = f"trial-{trial.number:05}/"
        spec = self._spec_of(trial.parameters) | {"output_uri": f"{self._spec['output_uri']}{folder}"}
        self._events.log(f"Training the model of trial {trial.number}.")
        plan = make_plan(spec)
        fit_to_target(plan, self._dataset.target, self._told)
        seed_random_sources(plan.seed)
        measured = trained = fit(plan, self._dataset, self._told)
        if self._spec["finish"]["refit_on"] == "train_and_validation":
            trained = refit(measured, self._told)
            self._events.warning(
                f"The model of trial {trial.number} has learnt from the validation rows too; its metrics, "
                "calibration and importance are those of the same model that was fitted without them."
            )
        published = publish(trained, spec, self._told, self._store, measured)
        return {"number": trial.number, "folder": folder, "trained": published}

    def _write_trials(self, trials: list[Trial]) -> dict[str, Any]:
        names = [each.name for each in self._space.parameters]
        content = as_parquet(trials, self._search_spec, names)
        return self._store.write(self._spec["output_uri"], "trials.parquet", content)

    def _check_target(self) -> None:
        """Refuse before the first trial what every trial would be refused for.

        Raises:
            JobFailure: the estimator or a hyperparameter is for another model type.
        """
        plan = make_plan(self._spec_of({each.name: each.ends()[0] for each in self._space.parameters}))
        for warning in plan.warnings:
            self._events.warning(warning)
        fit_to_target(plan, self._dataset.target, self._told)

    def _spec_of(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**self._spec, "hyperparameters": {**self._spec["hyperparameters"], **parameters}}

    def _read_parents(self) -> tuple[list[dict[str, Any]], list[FrozenTrial]]:
        """What each study of `parents` gives, and its trials that fit the space."""
        described, fitting = [], []
        fixed = self._spec["hyperparameters"]
        for parent in self._search_spec["parents"]:
            with self._store.open(parent["uri"]) as file:
                trials = [Trial(**json.loads(line)) for line in file]
            used = 0
            for trial in trials:
                searched = {
                    name: value
                    for name, value in trial.parameters.items()
                    if name not in fixed or fixed[name] != value
                }
                if trial.state != SUCCEEDED or not self._space.is_whole(searched):
                    continue
                trial.parameters = searched
                try:
                    fitting.append(frozen(trial, self._space, self._search_spec))
                except (ValueError, KeyError):
                    continue
                used += 1
            described.append({"job_id": parent["job_id"], "trials": len(trials), "used": used})
        return described, fitting

    def _refuse_other_data(self, journal: Journal) -> None:
        """
        Raises:
            JobFailure: the data is not what earlier attempts have measured trials on.
        """
        digest = _digest(self._dataset)
        if not journal.records:
            journal.write([{"type": "data", "digest": digest}])
        elif journal.records[0]["digest"] != digest:
            raise unfit(
                "the data is not what it was when the study began, so that its trials cannot be compared; "
                "start another study, with this one as its parent."
            )

    def _wanted_trials(self) -> int:
        try:
            with self._store.open(f"{self._spec['state_uri']}{_MORE_TRIALS}") as file:
                return json.load(file)["num_trials"]
        except JobFailure as failure:
            if failure.code != DATA_UNREADABLE:
                raise
            return 0

    def _tell(self, trial: Trial) -> None:
        self._events.trial(trial.as_json())
        self._report()

    def _report(self) -> None:
        search = self._search
        history = search.history if search else History(self._search_spec["objectives"])
        self._events.progress(
            phase=self._phase,
            trials=search.counts() if search else dict.fromkeys(STATES, 0),
            num_trials=search.num_trials if search else self._search_spec["num_trials"],
            best=_described(history.best),
            history=_improvements(history),
            estimated_completion=search.estimated_completion() if search else None,
            metrics=history.best.metrics if history.best else {},
        )


class _Told:
    """Stands for an EventWriter where a training would tell of its phases and rounds, which no study has.

    Attributes:
        warnings: all so far, for the model card.
    """

    def __init__(self, events: EventWriter) -> None:
        self._events = events
        self.log, self.warning = events.log, events.warning

    @property
    def warnings(self) -> list[str]:
        return self._events.warnings

    def phase(self, _name: str) -> None:
        pass

    def step(self, *_how_far: object) -> None:
        pass

    def progress(self, **_fields: object) -> None:
        pass

    def flush_progress(self) -> None:
        pass


def _improvements(history: History) -> list[dict[str, Any]]:
    return [{"number": trial.number, "value": trial.values[0]} for trial in history.improvements]


def _described(best: Trial | None) -> dict[str, Any] | None:
    return best and {"number": best.number, "value": best.values[0], "parameters": best.parameters}


def _digest(dataset: Dataset) -> str:
    """Of all that trials are measured on."""
    digest = hashlib.blake2b(digest_size=16)
    arrays = [dataset.train, dataset.validation, dataset.target.values]
    for column in dataset.features:
        digest.update(f"{column.name}\0{column.kind}\0".encode())
        arrays.append(column.codes if column.kind == "string" else column.numbers)
        if column.kind == "string":
            digest.update("\0".join(column.texts).encode("utf-8", "surrogatepass"))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
