"""What a study searches among: hyperparameters, their ranges, and when each of them counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from .. import contracts
from ..contracts import invalid
from ..events import plain
from ..failures import listed

# What floating point may lose of a whole number of steps, as a share of one.
_LOST_OF_A_STEP = 1e-9


class Parameter:
    """One hyperparameter and its range.

    Args:
        described: `parameter` of contracts/tuning-spec.v1.schema.json.

    Attributes:
        distribution: the range as Optuna has it; of a choice the places of its values.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        self.name: str = described["name"]
        self.when: dict[str, Any] = described.get("when", {})
        self.kind: str = described["type"]
        self._values: list[Any] | None = described.get("values")
        self.distribution = _distribution(described)

    def is_active(self, chosen: dict[str, Any]) -> bool:
        """Whether it counts beside the values that were chosen before it."""
        return all(name in chosen and same(chosen[name], value) for name, value in self.when.items())

    def suggest(self, trial: optuna.Trial) -> Any:
        if self._values is not None:
            return self._values[trial.suggest_categorical(self.name, self.distribution.choices)]
        is_int = isinstance(self.distribution, IntDistribution)
        suggest = trial.suggest_int if is_int else trial.suggest_float
        low, high = self.distribution.low, self.distribution.high
        return suggest(self.name, low, high, step=self.distribution.step, log=self.distribution.log)

    def internal_of(self, value: Any) -> Any:
        """The value as Optuna holds it.

        Raises:
            ValueError: it is none of the range; the message says which there are.
        """
        if self._values is not None:
            for place, one in enumerate(self._values):
                if same(one, value):
                    return place
            raise ValueError(f"{self.name} is {value!r}, which is none of its values")
        low, high, step = self.distribution.low, self.distribution.high, self.distribution.step
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise ValueError(f"{self.name} is {value!r}, which is not in its range from {low} to {high}")
        if step is not None and abs((value - low) / step - round((value - low) / step)) > _LOST_OF_A_STEP:
            raise ValueError(f"{self.name} is {value!r}, which is not {low} and a number of steps of {step}")
        return int(value) if isinstance(self.distribution, IntDistribution) else float(value)

    def points(self) -> list[Any]:
        """All values.

        Raises:
            JobFailure: there is no end of them.
        """
        if self._values is not None:
            return self._values
        step = self.distribution.step
        if step is None or self.kind == "lograndint":
            raise invalid(f"a grid has no points of {self.name}, whose type is {self.kind}")
        low, high = self.distribution.low, self.distribution.high
        return [low + place * step for place in range(round((high - low) / step) + 1)]

    def ends(self) -> list[Any]:
        """Values that the estimator takes only where it takes all between them; of a choice all values."""
        if self._values is not None:
            return self._values
        return [self.distribution.low, self.distribution.high]


class Space:
    """Parameters in the order in which values are suggested.

    Args:
        spec: the specification of a study.

    Raises:
        JobFailure: the specification cannot be searched; the service should have refused it.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.parameters = [Parameter(each) for each in spec["search"]["space"]]
        self.is_conditional = any(each.when for each in self.parameters)
        known: dict[str, Parameter] = {}
        for each in self.parameters:
            if each.name in known or each.name in spec["hyperparameters"]:
                raise invalid(f"search.space has {each.name} twice, or it is fixed")
            if unknown := set(each.when) - set(known):
                raise invalid(
                    f"search.space.{each.name} stands before {listed(sorted(unknown))}, on which it depends"
                )
            for value in each.ends():
                contracts.check_hyperparameters(spec, {each.name: value}, "search.space")
            known[each.name] = each
        self._known = known

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Values of the parameters that count, as Optuna's sampler suggests them."""
        chosen: dict[str, Any] = {}
        for each in self.parameters:
            if each.is_active(chosen):
                chosen[each.name] = each.suggest(trial)
        return plain(chosen)

    def internal_of(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values by name as Optuna holds them; those that are left out are suggested.

        Raises:
            ValueError: one is not in its range, or of no parameter that counts beside the others.
        """
        internal: dict[str, Any] = {}
        for each in self.parameters:
            if each.name not in values:
                continue
            if any(name in values and not same(values[name], value) for name, value in each.when.items()):
                raise ValueError(f"{each.name} has no meaning beside the other values")
            internal[each.name] = each.internal_of(values[each.name])
        if unknown := set(values) - set(self._known):
            raise ValueError(f"{', '.join(sorted(unknown))} is not searched")
        return internal

    def distributions_of(self, internal: dict[str, Any]) -> dict[str, BaseDistribution]:
        return {name: self._known[name].distribution for name in internal}

    def is_whole(self, values: dict[str, Any]) -> bool:
        """Whether there is a value of each parameter that counts beside the others, and of no other."""
        chosen: dict[str, Any] = {}
        for each in self.parameters:
            if each.is_active(chosen):
                if each.name not in values:
                    return False
                chosen[each.name] = values[each.name]
        return len(chosen) == len(values)

    def grid(self) -> Iterator[dict[str, Any]]:
        """All combinations, the last parameters changing first.

        Raises:
            JobFailure: a parameter has no end of values.
        """
        points = {each.name: each.points() for each in self.parameters}

        def below(place: int, chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
            if place == len(self.parameters):
                yield plain(chosen)
                return
            each = self.parameters[place]
            if not each.is_active(chosen):
                yield from below(place + 1, chosen)
                return
            for value in points[each.name]:
                yield from below(place + 1, {**chosen, each.name: value})

        return below(0, {})


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and 1 is 1.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _distribution(described: dict[str, Any]) -> BaseDistribution:
    kind = described["type"]
    if kind == "choice":
        return CategoricalDistribution(list(range(len(described["values"]))))
    low, high = described["min"], described["max"]
    is_log = kind.startswith("log")
    if not low < high or (is_log and low <= 0):
        raise invalid(f"search.space.{described['name']} has no values from {low} to {high}")
    if kind in ("randint", "lograndint"):
        return IntDistribution(low, high - 1, log=is_log)
    if kind != "quniform":
        return FloatDistribution(low, high, log=is_log)
    step = described["q"]
    last = low + step * math.floor((high - low) / step + _LOST_OF_A_STEP)
    if float(low).is_integer() and float(step).is_integer():
        return IntDistribution(int(low), int(last), step=int(step))
    return FloatDistribution(low, last, step=step)
