"""Aggregations over the events of a window, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .values import ANY, element_of
from .view_rows import Input

MICROSECONDS = 1_000_000
_ORDER = "struct_pack(event := event, created := coalesce(created, -9223372036854775808), place := place)"
_OF_NUMBERS = ("sum", "mean", "stddev")
_COUNTS = ("count", "count_distinct")
_FUNCTIONS = {"sum": "sum", "mean": "avg", "stddev": "stddev_samp", "min": "min", "max": "max"}


def longest_window(view: dict[str, Any]) -> int:
    """Microseconds."""
    return MICROSECONDS * max(each["window_seconds"] for each in view["aggregations"])


def inputs_of(aggregations: Sequence[dict[str, Any]]) -> list[Input]:
    """The columns that they read, each once a type."""
    wanted = dict.fromkeys(
        (each["column"], _kind(each)) for each in aggregations if each["column"] is not None
    )
    return [Input(f"c{at}", column, kind) for at, (column, kind) in enumerate(wanted)]


def expressions(
    aggregations: Sequence[dict[str, Any]], inputs: Sequence[Input], longest: int, instant: str
) -> list[str]:
    """Of each, SQL over events of the `longest` microseconds that end at `instant`, SQL too.

    A missing value counts in no function but `count` of rows; a sum of no value is null, counts are 0.
    """
    names = {(each.column, each.kind): each.name for each in inputs}
    return [
        _expression(each, names.get((each["column"], _kind(each)), ""), f"w{at}", longest, instant)
        for at, each in enumerate(aggregations)
    ]


def empty_value(aggregation: dict[str, Any]) -> str:
    """SQL of what it is without any event."""
    return "0" if aggregation["function"] in _COUNTS else "NULL"


def _kind(aggregation: dict[str, Any]) -> str:
    function = aggregation["function"]
    if function in _OF_NUMBERS:
        return "float64"
    if function in _COUNTS:
        return ANY
    return element_of(aggregation["type"]) or aggregation["type"]


def _expression(aggregation: dict[str, Any], column: str, mask: str, longest: int, instant: str) -> str:
    function = aggregation["function"]
    window = aggregation["window_seconds"] * MICROSECONDS
    conditions = [] if window == longest else [f"event > {instant} - {window}"]
    if aggregation["where"] is not None:
        conditions.append(mask)
    if column:
        conditions.append(f"{column} IS NOT NULL")
    those = f"FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
    if function == "count":
        return f"count(*) {those}"
    if function == "count_distinct":
        return f"count(DISTINCT {column}) {those}"
    if function == "last":
        return f"arg_max({column}, {_ORDER}) {those}"
    if function == "first":
        return f"arg_min({column}, {_ORDER}) {those}"
    if function == "last_n":
        return f"list_reverse(arg_max({column}, {_ORDER}, {aggregation['n']}) {those})"
    return f"{_FUNCTIONS[function]}({column}) {those}"


def conditions_of(aggregations: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The trees of `where` by the name of the column that says which rows they hold for."""
    return {f"w{at}": each["where"] for at, each in enumerate(aggregations) if each["where"] is not None}
