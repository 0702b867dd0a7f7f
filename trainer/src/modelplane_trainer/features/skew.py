"""One attempt to hold values that served predictions against the values of the same instants offline."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ..events import EventWriter
from ..storage import Store
from ..timestamps import microseconds_of
from .joining import joined_for
from .values import LARGEST_EXACT, element_of

_WORST = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compare(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """Join the offline values to logged rows and compare, feature by feature.

    Args:
        spec: contracts/features-spec.v1.schema.json, kind skew. Its entity rows hold, beside keys and time,
            of each feature what was served, as JSON text.
        events, store: where to tell it, where files lie.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    tolerance = spec["relative_tolerance"]
    with joined_for(spec, events, store) as joined:
        kinds = {each["name"]: each["type"] for each in joined.outputs}
        compared = [
            _Feature(each["feature"], each["served"], kinds[each["feature"]], tolerance)
            for each in spec["compared"]
        ]
        events.phase("compare")
        done = 0
        for table in joined.tables():
            shown = table.select(spec["shown"]).to_pylist()
            for feature in compared:
                feature.add(table, shown)
            done += len(table)
            events.step(done, joined.rows, "rows")
    return {
        "rows": joined.rows,
        "relative_tolerance": tolerance,
        "views": joined.views,
        "features": [feature.found(joined.rows) for feature in compared],
    }


class _Feature:
    """What is found of one feature, block by block.

    Args:
        name, kind: its column in the joined table, and its type.
        served: column of the JSON text of what was served.
        tolerance: largest difference of two numbers that count as equal, relative to the larger of them.
    """

    def __init__(self, name: str, served: str, kind: str, tolerance: float) -> None:
        self._name, self._served, self._kind, self._tolerance = name, served, kind, tolerance
        self._equal = self._only_online = self._only_offline = 0
        self._sum, self._differences = 0.0, 0
        self._worst: list[tuple[float, int, dict[str, Any]]] = []
        self._row = 0

    def add(self, table: pa.Table, shown: list[dict[str, Any]]) -> None:
        """
        Args:
            table: entity rows with the joined features.
            shown: of each row what tells it apart.
        """
        offline = table.column(self._name).to_pylist()
        pairs = zip(_served(table.column(self._served)), offline, strict=True)
        for about, (online, stored) in zip(shown, pairs, strict=True):
            self._add(online, stored, about)
            self._row += 1

    def _add(self, online: Any, offline: Any, about: dict[str, Any]) -> None:
        one, other = _comparable(online, self._kind), _comparable(offline, self._kind)
        difference = None
        if _is_number(one) and _is_number(other) and self._kind in ("int64", "float64"):
            difference = abs(one - other)
            self._sum += difference
            self._differences += 1
        if _is_equal(one, other, self._tolerance):
            self._equal += 1
            return
        # What one side lacks is worse than any difference.
        if one is None or other is None:
            self._only_offline += one is None
            self._only_online += other is None
            size = math.inf
        else:
            size = math.inf if difference is None else difference
        entry = about | {
            "online": online,
            "offline": _json(offline, self._kind),
            "difference": None if difference is None else float(difference),
        }
        # Of equally bad rows the earlier ones are kept.
        place = (size, -self._row, entry)
        if len(self._worst) < _WORST:
            heapq.heappush(self._worst, place)
        else:
            heapq.heappushpop(self._worst, place)

    def found(self, rows: int) -> dict[str, Any]:
        worst = sorted(self._worst, key=lambda each: (-each[0], -each[1]))
        return {
            "name": self._name,
            "type": self._kind,
            "rows": rows,
            "equal": self._equal,
            "equal_share": self._equal / rows if rows else None,
            "only_online": self._only_online,
            "only_offline": self._only_offline,
            "mean_absolute_difference": self._sum / self._differences if self._differences else None,
            "worst": [entry for _, _, entry in worst],
        }


def _served(column: pa.ChunkedArray) -> Iterator[Any]:
    for text in column.to_pylist():
        yield None if text is None else json.loads(text)


def _comparable(value: Any, kind: str) -> Any:
    """A value in one form, however it is written; what is none of the type stays as it is."""
    element = element_of(kind)
    if element is not None:
        return [_comparable(each, element) for each in value] if isinstance(value, list) else value
    if isinstance(value, float) and math.isnan(value):
        return None
    if kind == "timestamp":
        if isinstance(value, datetime):
            since = value - _EPOCH
            return (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds
        found = microseconds_of(value) if isinstance(value, str) else None
        return value if found is None else found
    if kind == "int64" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_equal(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            _is_equal(*pair, tolerance) for pair in zip(one, other, strict=True)
        )
    if _is_number(one) and _is_number(other):
        if isinstance(one, float) or isinstance(other, float):
            return math.isclose(one, other, rel_tol=tolerance, abs_tol=0)
        return one == other
    return type(one) is type(other) and one == other


def _json(value: Any, kind: str) -> Any:
    """A stored value in its JSON form."""
    element = element_of(kind)
    if element is not None:
        return None if value is None else [_json(each, element) for each in value]
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if kind == "int64" and isinstance(value, int) and abs(value) >= LARGEST_EXACT:
        return str(value)
    return value
