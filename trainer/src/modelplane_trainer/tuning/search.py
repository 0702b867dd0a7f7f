"""The search: asks for parameters, runs trials, and keeps what came of them for later attempts."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
from optuna.trial import TrialState

from .. import giving_way
from ..contracts import invalid
from ..events import plain
from ..failures import JobFailure
from .journal import Journal
from .measuring import Measuring
from .processes import Processes
from .samplers import make_study
from .space import Space
from .trial import FAILED, PRUNED, RUNNING, SUCCEEDED, Trial, now

TOO_MANY_FAILED_TRIALS = "TOO_MANY_FAILED_TRIALS"
MOST_GRID_POINTS = 10_000
# A process that dies is begun once more: what ended it may have been no fault of the trial.
_MOST_TRIES = 2


class _Pruned(Exception):
    """Ends a trial that its pruner gave up."""


class _OtherSuggestion(Exception):
    """A sampler suggests otherwise than it did in an earlier attempt."""


class History:
    """The trials of one objective that were better than all before them.

    Attributes:
        improvements: these trials, all of them feasible; empty of several objectives.
        since: trials behind the last of them.
    """

    def __init__(self, objectives: list[dict[str, str]]) -> None:
        self._has_one = len(objectives) == 1
        self._sign = 1 if objectives[0]["mode"] == "max" else -1
        self.improvements: list[Trial] = []
        self.since = 0

    @property
    def best(self) -> Trial | None:
        return self.improvements[-1] if self.improvements else None

    def add(self, trial: Trial) -> None:
        self.since += 1
        if (
            self._has_one
            and trial.feasible
            and (self.best is None or self.rank(trial) > self.rank(self.best))
        ):
            self.improvements.append(trial)
            self.since = 0

    def rank(self, trial: Trial) -> float:
        """More is better."""
        return self._sign * trial.values[0]

    def reaches(self, target: float) -> bool:
        return self.best is not None and self.rank(self.best) >= self._sign * target


class Search:
    """One attempt's part of a study.

    Where the study is deterministic, the suggestion of trial n knows the trials up to n - lag, which have all
    ended by then, and no others; so do its pruner and the rules that end the search. All of it is then a
    function of the specification, however many trials run at once and whenever an attempt began.

    Args:
        spec: of a study.
        space: of it.
        measuring: of it.
        journal: with what earlier attempts have done.
        told: trials of other studies, told to the sampler before the first suggestion.
        tell: is given each trial when it has begun or ended.
        asked_for: answers how many trials are wanted, which may have become more.

    Attributes:
        trials: by number, those that run too.
        stopped_by: why no more trials began.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        space: Space,
        measuring: Measuring,
        journal: Journal,
        told: list[optuna.trial.FrozenTrial],
        tell: Callable[[Trial], None],
        asked_for: Callable[[], int],
    ) -> None:
        self._spec, self._search = spec, spec["search"]
        self._space, self._measuring, self._journal = space, measuring, journal
        self._before, self._tell, self._asked_for = told, tell, asked_for
        self._given = self._given_parameters()
        self.num_trials: int = self._search["num_trials"]
        self.stopped_by = ""
        self._ended_here = 0
        self._begun_at = time.monotonic()
        self._seconds_before = 0.0
        self._restore()
        slots = self._search["max_concurrent_trials"]
        if self._search["deterministic"]:
            slots = min(slots, self._search["lag"])
        self.slots: int = slots

    # The study as Optuna has it, and what of it is told.

    def _restore(self) -> None:
        """Ask and tell all that earlier attempts did once more, which brings the sampler to where it was."""
        try:
            self._replay(self._journal.records)
        except _OtherSuggestion:
            # Another machine or library may calculate otherwise. What was done stays, and is given to trials.
            records = self._journal.records
            asked = [record["parameters"] for record in records if record["type"] == "asked"]
            self._given[: len(asked)] = asked
            self._replay(records)

    def _replay(self, records: list[dict[str, Any]]) -> None:
        self.study = make_study(self._search, self._space)
        for each in self._before:
            self.study.add_trial(each)
        self.trials: list[Trial] = []
        self._asked: list[optuna.Trial] = []
        # Ended trials in the order in which they ended, and how many of all trials the study knows.
        self.ended: list[Trial] = []
        self._told = 0
        self.history, self._known_history = (History(self._search["objectives"]) for _ in range(2))
        self._states = Counter()
        self._asks_kept = 0
        self._seconds_of_trials = 0.0
        for record in records:
            if record["type"] == "asked":
                trial = self._ask()
                if trial.parameters != record["parameters"]:
                    raise _OtherSuggestion
                self._asks_kept += 1
            elif record["type"] == "ended":
                trial = Trial(**record["trial"])
                self.trials[trial.number] = trial
                self._seconds_before = record["search_seconds"]
                self._note_end(trial)

    def _given_parameters(self) -> list[dict[str, Any]]:
        """Parameters that are not left to the sampler, by the number of the trial."""
        given = list(self._search["initial_trials"])
        for place, each in enumerate(given):
            try:
                self._space.internal_of(each)
            except ValueError as error:
                raise invalid(f"search.initial_trials.{place}: {error}") from error
        if self._search["algorithm"] == "grid":
            points = list(itertools.islice(self._space.grid(), MOST_GRID_POINTS + 1))
            if len(points) > MOST_GRID_POINTS:
                raise invalid(f"the grid has more than {MOST_GRID_POINTS} points")
            random.Random(self._search["seed"]).shuffle(points)
            given += points
        return given

    def _ask(self) -> Trial:
        """The next trial, by what the study is told by then."""
        number = len(self.trials)
        self._tell_study(number)
        if number < len(self._given):
            self.study.enqueue_trial(self._space.internal_of(self._given[number]))
        asked = self.study.ask()
        parameters = self._space.suggest(asked)
        origin = "initial" if number < len(self._search["initial_trials"]) else "suggested"
        self._asked.append(asked)
        self.trials.append(Trial(number, parameters, origin))
        return self.trials[-1]

    def _tell_study(self, number: int) -> None:
        """Tell the study all that the suggestion of a trial may know, in an order that can be repeated."""
        for each in self._due(number):
            self._tell_one(each, self._asked[each.number])
            self._known_history.add(each)
            self._told += 1

    def _due(self, number: int) -> list[Trial]:
        """Trials that the suggestion of a trial has to know, and the study has not been told."""
        if not self._search["deterministic"]:
            return self.ended[self._told :]
        return self.trials[self._told : max(self._told, number - self._search["lag"] + 1)]

    def _tell_one(self, trial: Trial, asked: optuna.Trial) -> None:
        for step in trial.steps if len(self._search["objectives"]) == 1 else []:
            asked.report(step["value"], step["step"])
            # Pruners note in the trial which of their steps it has reached.
            if self._search["pruner"] != "none" and trial.state != FAILED:
                asked.should_prune()
        if trial.state == SUCCEEDED:
            for place, excess in enumerate(excesses(self._search["constraints"], trial.metrics)):
                asked.set_constraint(str(place), excess)
            self.study.tell(asked, trial.values)
        else:
            self.study.tell(asked, state=TrialState.PRUNED if trial.state == PRUNED else TrialState.FAIL)

    # The attempt.

    @property
    def seconds(self) -> float:
        """How long was searched, over all attempts."""
        return self._seconds_before + time.monotonic() - self._begun_at

    def run(self, close: list[int]) -> None:
        """Search until there is a reason to stop.

        Args:
            close: descriptors of the job that are not for its trials.

        Raises:
            GaveWay: asked to; all trials that were begun have ended.
            JobFailure: too many trials have failed.
        """
        self._begun_at = time.monotonic()
        processes = Processes(self.slots, self._search["trial_timeout_seconds"], close)
        try:
            waiting = [trial for trial in self.trials if trial.state == RUNNING]
            ended: list[Trial] = []
            while True:
                while len(waiting) + len(processes) < self.slots and self._may_ask():
                    waiting.append(self._ask())
                free = 0 if self._gives_way else self.slots - len(processes)
                begun, waiting = waiting[:free], waiting[free:]
                for trial in begun:
                    trial.started_at = now()
                self._keep(begun, ended)
                self._refuse_failures()
                for trial in begun:
                    processes.start(trial.number, lambda trial=trial: self._work(trial))
                if not len(processes):
                    break
                again, ended = self._taken(processes)
                waiting += again
        finally:
            processes.kill()
        if waiting or not self.stopped_by:
            raise giving_way.GaveWay

    @property
    def _gives_way(self) -> bool:
        """Whether no more trials begin because the job was asked to end; each attempt ends at least one."""
        return giving_way.is_asked() and self._ended_here > 0

    def _may_ask(self) -> bool:
        """Whether another trial begins now."""
        number = len(self.trials)
        if any(trial.state == RUNNING for trial in self._due(number)):
            return False
        self._tell_study(number)
        self.stopped_by = self._reason_to_stop()
        return not self.stopped_by and not self._gives_way

    def _reason_to_stop(self) -> str:
        search = self._search
        if len(self.trials) >= self.num_trials:
            self.num_trials = max(self.num_trials, self._asked_for())
            if len(self.trials) >= self.num_trials:
                return "num_trials"
        if search["algorithm"] == "grid" and len(self.trials) >= len(self._given):
            return "grid"
        if search["max_minutes"] is not None and self.seconds >= search["max_minutes"] * 60:
            return "max_minutes"
        known = self._known_history
        if search["target"] is not None and known.reaches(search["target"]):
            return "target"
        if search["no_improvement_trials"] is not None and known.since >= search["no_improvement_trials"]:
            return "no_improvement_trials"
        return ""

    def _keep(self, begun: list[Trial], ended: list[Trial]) -> None:
        """Write what has ended and begun for good, and only then tell of it."""
        seconds = round(self.seconds, 3)
        records = [{"type": "ended", "trial": each.as_json(), "search_seconds": seconds} for each in ended]
        for each in begun:
            # One that is begun once more was written the first time.
            if each.number >= self._asks_kept:
                records.append({"type": "asked", "number": each.number, "parameters": each.parameters})
                self._asks_kept += 1
        if records:
            self._journal.write(records)
        for each in [*ended, *begun]:
            self._tell(each)

    def _taken(self, processes: Processes) -> tuple[list[Trial], list[Trial]]:
        """Trials that have to be begun once more, and those that have ended."""
        again, ended = [], []
        for number, came in sorted(processes.wait().items()):
            trial = self.trials[number]
            if isinstance(came, str):
                if trial.tries < _MOST_TRIES:
                    trial.tries += 1
                    again.append(trial)
                    continue
                came = {"state": FAILED, "reason": f"{came} It was tried {trial.tries} times."}
            for name, value in came.items():
                setattr(trial, name, value)
            trial.ended_at = now()
            begun = datetime.fromisoformat(trial.started_at)
            trial.duration_seconds = max(0.0, round((datetime.now(UTC) - begun).total_seconds(), 3))
            self._note_end(trial)
            self._ended_here += 1
            ended.append(trial)
        return again, ended

    def _note_end(self, trial: Trial) -> None:
        self.ended.append(trial)
        self._states[trial.state] += 1
        self.history.add(trial)
        self._seconds_of_trials += trial.duration_seconds or 0.0

    def _refuse_failures(self) -> None:
        """
        Raises:
            JobFailure: more trials have failed than may.
        """
        failed, share = self._states[FAILED], self._search["max_failed_share"]
        all_failed = bool(self.stopped_by) and failed == len(self.trials)
        if not failed or (failed <= share * self.num_trials and not all_failed):
            return
        reasons = Counter(trial.reason for trial in self.ended if trial.state == FAILED)
        reason, times = reasons.most_common(1)[0]
        limit = "" if all_failed else f", more than max_failed_share allows ({share:g} of {self.num_trials})"
        raise JobFailure(
            TOO_MANY_FAILED_TRIALS,
            f"{failed} of {len(self.ended)} trials failed{limit}; {times} of them so: {reason}",
        )

    def counts(self) -> dict[str, int]:
        """Trials by state."""
        ended = {state: self._states[state] for state in (SUCCEEDED, PRUNED, FAILED)}
        return {RUNNING: len(self.trials) - len(self.ended), **ended}

    def estimated_completion(self) -> str | None:
        """When the search ends if trials take as long as until now; None before one has ended."""
        if not self.ended:
            return None
        each = self._seconds_of_trials / len(self.ended)
        left = (self.num_trials - len(self.ended)) * each / self.slots
        if self._search["max_minutes"] is not None:
            left = min(left, max(0.0, self._search["max_minutes"] * 60 - self.seconds))
        moment = datetime.now(UTC) + timedelta(seconds=left)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # In the process of a trial.

    def _watched(self, number: int) -> optuna.Trial:
        """A trial whose pruner knows what its suggestion knew, though more may have been told since."""
        known = self.study.get_trials(deepcopy=False)
        if self._search["deterministic"]:
            known = known[: len(self._before) + max(0, number - self._search["lag"] + 1)]
        study = optuna.create_study(
            directions=self.study.directions,
            pruner=self.study.pruner,
            sampler=optuna.samplers.RandomSampler(),
        )
        study.add_trials([each for each in known if each.state.is_finished()])
        return study.ask()

    def _work(self, trial: Trial) -> dict[str, Any]:
        """Fields of a trial that its end decides."""
        steps: list[dict[str, float]] = []
        watched = None if self._search["pruner"] == "none" else self._watched(trial.number)

        def report(step: int, value: float) -> None:
            steps.append({"step": step, "value": value})
            if watched is None:
                return
            watched.report(value, step)
            if watched.should_prune():
                raise _Pruned

        try:
            metrics = self._measuring({**self._spec["hyperparameters"], **trial.parameters}, report)
        except _Pruned:
            at = steps[-1]
            where = "fold" if self._search["cv_folds"] else "round"
            reason = f"Pruned after {where} {at['step']}, where it was at {at['value']:.6g}."
            return {"state": PRUNED, "steps": steps, "reason": reason}
        wanted = [each["metric"] for each in self._search["objectives"]]
        needed = [*wanted, *(each["metric"] for each in self._search["constraints"])]
        metrics = plain(metrics)
        for name in needed:
            if metrics.get(name) is None:
                known = "is not defined on these rows" if name in metrics else "is none of its metrics"
                return {"state": FAILED, "metrics": metrics, "steps": steps, "reason": f"{name} {known}."}
        feasible = all(excess <= 0 for excess in excesses(self._search["constraints"], metrics))
        values = [metrics[name] for name in wanted]
        return {
            "state": SUCCEEDED,
            "values": values,
            "feasible": feasible,
            "metrics": metrics,
            "steps": steps,
        }


def excesses(constraints: list[dict[str, Any]], metrics: dict[str, float | None]) -> list[float]:
    """How far a trial is beyond each of its constraints; 0 and less keeps it."""
    return [
        metrics[each["metric"]] - each["at_most"]
        if "at_most" in each
        else each["at_least"] - metrics[each["metric"]]
        for each in constraints
    ]
