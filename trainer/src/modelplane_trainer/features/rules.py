"""What a view's features have to keep, and figures of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..contracts import invalid
from ..events import EventWriter
from ..failures import JobFailure, unfit
from .database import Database, quoted
from .values import LARGEST_EXACT, element_of, value_of
from .view_rows import text_of

_MOST_NAMED = 5
_MOST_TOP = 10
# Of texts, those with more different ones than this are names rather than categories.
_MOST_CATEGORIES = 10_000
_SHOWN_TEXT = 64
_NUMBERS = ("int64", "float64")


class Values:
    """Features of a table of DuckDB.

    Args:
        database: holds the table.
        table: its name.
        view: `view` of contracts/features-spec.v1.schema.json.
        features: name, type and rules of each; their columns are f0, f1, ….
    """

    def __init__(
        self, database: Database, table: str, view: dict[str, Any], features: Sequence[dict[str, Any]]
    ) -> None:
        self._database, self._table, self._view = database, table, view
        self._features = list(features)
        self._conditions = {
            (feature["name"], rule): condition
            for at, feature in enumerate(self._features)
            for rule, condition in _conditions(f"f{at}", feature).items()
        }

    def broken(self) -> str:
        """SQL of the list of rules that a row breaks."""
        cases = [
            f"CASE WHEN {condition} THEN {quoted(f'{name}: {rule}')} END"
            for (name, rule), condition in self._conditions.items()
        ]
        return f"list_filter([{', '.join(cases)}]::VARCHAR[], lambda each: each IS NOT NULL)"

    def any_broken(self) -> str:
        """SQL of whether a row breaks a rule."""
        return " OR ".join(f"({condition})" for condition in self._conditions.values()) or "false"

    def measure(self) -> tuple[dict[str, Any], dict[str, int]]:
        """Statistics by feature, and infinite values by feature."""
        parts = ["count(*) AS rows"]
        for at, feature in enumerate(self._features):
            parts += [f"{sql} AS {name}{at}" for name, sql in _figures(f"f{at}", feature["type"]).items()]
        row = self._database.row(f"SELECT {', '.join(parts)} FROM {self._table}")
        statistics: dict[str, Any] = {}
        infinite: dict[str, int] = {}
        for at, feature in enumerate(self._features):
            name, kind = feature["name"], feature["type"]
            found = {
                each: row.get(f"{each}{at}")
                for each in ("missing", "min", "max", "mean", "stddev", "distinct")
            }
            found |= {each: _shown(kind, found[each]) for each in ("min", "max")}
            statistics[name] = {"rows": row["rows"], **found}
            if kind == "boolean":
                statistics[name]["true_share"] = row[f"true_share{at}"]
            if kind == "boolean" or (kind == "string" and (found["distinct"] or 0) <= _MOST_CATEGORIES):
                statistics[name]["top"] = self._top(f"f{at}", kind)
            if row.get(f"non_finite{at}"):
                infinite[name] = int(row[f"non_finite{at}"])
        return statistics, infinite

    def violations(self, statistics: dict[str, Any]) -> list[dict[str, Any]]:
        """Broken rules with how many rows break them."""
        counts: dict[tuple[str, str], int] = {}
        rows = 0
        if self._conditions:
            parts = [f"count(*) FILTER (WHERE {condition})" for condition in self._conditions.values()]
            ((rows, *found),) = self._database.rows(f"SELECT count(*), {', '.join(parts)} FROM {self._table}")
            counts = dict(zip(self._conditions, found, strict=True))
        for feature in self._features:
            most = feature["rules"].get("max_missing_share")
            known = statistics[feature["name"]]
            if most is not None and known["missing"] > most * known["rows"]:
                counts[feature["name"], "max_missing_share"] = known["missing"]
                rows = known["rows"]
        return [
            {"feature": name, "rule": rule, "rows": count, "share": count / rows}
            for (name, rule), count in counts.items()
            if count
        ]

    def refuse(self, violations: Sequence[dict[str, Any]]) -> None:
        """
        Raises:
            JobFailure: these rules block.
        """
        if not violations:
            return
        named = "; ".join(self._in_words(each) for each in violations[:_MOST_NAMED])
        more = f"; and {len(violations) - _MOST_NAMED} more" if len(violations) > _MOST_NAMED else ""
        raise unfit(
            f"view {self._view['name']} (version {self._view['version']}) breaks its rules, and nothing of "
            f"it was written: {named}{more}."
        )

    def warn(self, violations: Sequence[dict[str, Any]], events: EventWriter, end: str) -> None:
        for each in violations:
            events.warning(f"View {self._view['name']}: {self._in_words(each)}{end}.")

    def _in_words(self, violation: dict[str, Any]) -> str:
        rules = next(each["rules"] for each in self._features if each["name"] == violation["feature"])
        rule = violation["rule"]
        asked = "" if rule == "not_null" else f" {rules[rule]}"
        return (
            f"{violation['feature']} breaks {rule}{asked} in {violation['rows']:,} rows "
            f"({violation['share']:.2%})"
        )

    def _top(self, column: str, kind: str) -> list[dict[str, Any]]:
        shown = f"left({column}, {_SHOWN_TEXT})" if kind == "string" else column
        found = self._database.rows(
            f"SELECT {shown}, count(*) AS n FROM {self._table} WHERE {column} IS NOT NULL "
            f"GROUP BY {column} ORDER BY n DESC, {column} LIMIT {_MOST_TOP}"
        )
        return [{"value": _shown(kind, value), "count": count} for value, count in found]


def literal(kind: str, value: Any, what: str) -> str:
    """A value in JSON form as SQL of how its type lies in DuckDB.

    Raises:
        JobFailure: it is of another type.
    """
    try:
        found = value_of(kind, value, what)
    except JobFailure as failure:
        raise invalid(failure.message) from None
    return _literal(kind, found)


def _shown(kind: str, value: Any) -> Any:
    """A value in JSON form, without the character that a database cannot hold."""
    if value is None or kind in ("float64", "boolean"):
        return value
    if kind == "timestamp":
        return text_of(value)
    if kind == "string":
        return value.replace("\0", "")
    return value if abs(value) < LARGEST_EXACT else str(value)


def _literal(kind: str, value: Any) -> str:
    if value is None:
        return "NULL"
    element = element_of(kind)
    if element is not None:
        types = {
            "int64": "BIGINT",
            "timestamp": "BIGINT",
            "float64": "DOUBLE",
            "boolean": "BOOLEAN",
            "string": "VARCHAR",
        }
        return f"[{', '.join(_literal(element, each) for each in value)}]::{types[element]}[]"
    if kind == "string":
        return quoted(value)
    return f"'{value!r}'::DOUBLE" if kind == "float64" else str(value).lower()


def non_finite(column: str, kind: str) -> str | None:
    """SQL of how many infinite values, or NaN of a computation, there are; None where the type has none."""
    if kind == "float64":
        return f"count(*) FILTER (WHERE NOT isfinite({column}))"
    if element_of(kind) == "float64":
        return f"sum(len(list_filter({column}, lambda each: NOT isfinite(each))))"
    return None


def _conditions(column: str, feature: dict[str, Any]) -> dict[str, str]:
    """SQL of whether a value breaks a rule, by rule."""
    rules, kind = feature["rules"], feature["type"]
    found = {}
    if rules.get("not_null"):
        found["not_null"] = f"{column} IS NULL"
    what = f"rules of {feature['name']}"
    if element_of(kind) is not None and ("between" in rules or "in" in rules):
        raise invalid(f"{what}: a list is neither between values nor one of them")
    if "between" in rules:
        least, most = rules["between"]
        sides = [
            f"{column} {sign} {literal(kind, bound, what)}"
            for sign, bound in (("<", least), (">", most))
            if bound is not None
        ]
        if sides:
            found["between"] = f"coalesce({' OR '.join(sides)}, false)"
    if "in" in rules:
        allowed = ", ".join(literal(kind, each, what) for each in rules["in"])
        found["in"] = f"coalesce({column} NOT IN ({allowed}), false)"
    return found


def _figures(column: str, kind: str) -> dict[str, str]:
    figures = {"missing": f"count(*) - count({column})"}
    infinite = non_finite(column, kind)
    if infinite is not None:
        figures["non_finite"] = infinite
    if element_of(kind) is not None:
        return figures
    figures["distinct"] = f"approx_count_distinct({column})"
    finite = f"FILTER (WHERE isfinite({column}))" if kind == "float64" else ""
    if kind == "boolean":
        return figures | {"true_share": f"avg({column}::INT)"}
    if kind == "string":
        return figures | {each: f"left({each}({column}), {_SHOWN_TEXT})" for each in ("min", "max")}
    figures |= {each: f"{each}({column}) {finite}" for each in ("min", "max")}
    if kind in _NUMBERS:
        figures |= {
            "mean": f"avg({column}::DOUBLE) {finite}",
            "stddev": f"stddev_samp({column}::DOUBLE) {finite}",
        }
    return figures
