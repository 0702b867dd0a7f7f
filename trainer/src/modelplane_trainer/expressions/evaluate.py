"""Evaluates trees of contracts/expression.v1.schema.json, as compile.ts of libs/expressions does by row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import elementary, floats, integers, texts, timestamps
from .column import DTYPES, FILLERS, Column

Tree = dict[str, Any]


def type_of(tree: Tree) -> str:
    """The type of what a tree answers."""
    return tree["to"] if tree["op"] == "cast" else tree["type"]


def columns_of(tree: Tree) -> dict[str, str]:
    """The type of each column that a tree reads, by name."""
    return {each["name"]: each["type"] for each in _columns(tree)}


def _columns(tree: Tree) -> Iterator[Tree]:
    if tree["op"] == "column":
        yield tree
    for inner in _children(tree):
        yield from _columns(inner)


def _children(tree: Tree) -> list[Tree]:
    if tree["op"] == "cast":
        return [tree["value"]]
    if tree["op"] == "case":
        return [*(each for pair in tree["when"] for each in pair), tree["else"]]
    return tree["args"] if tree["op"] == "call" else []


def evaluate(tree: Tree, columns: dict[str, Column], rows: int) -> Column:
    """The value of a tree for each row. What cannot be computed for a row has no value there.

    Args:
        tree: as libs/expressions parsed it.
        columns: by name, each of the type that the tree says and of `rows` rows.

    Raises:
        KeyError: a column or function is missing.
    """
    with np.errstate(all="ignore"):
        return _evaluate(tree, columns, rows)


def _evaluate(tree: Tree, columns: dict[str, Column], rows: int) -> Column:
    if tree["op"] == "literal":
        one = Column.of_json(tree["type"], [tree["value"]])
        return Column(one.type, np.repeat(one.values, rows), np.repeat(one.valid, rows))
    if tree["op"] == "column":
        column = columns[tree["name"]]
        if column.type != tree["type"]:
            raise TypeError(f"column {tree['name']} is {column.type}, not {tree['type']}")
        return column
    inner = [_evaluate(each, columns, rows) for each in _children(tree)]
    if tree["op"] == "cast":
        return _cast(inner[0], tree["to"])
    if tree["op"] == "case":
        return _case(inner)
    return _call(tree["name"], tree["type"], inner)


def _case(inner: list[Column]) -> Column:
    """Conditions and results in turn, then what stands behind else."""
    values, valid = inner[-1].values, inner[-1].valid
    for condition, then in zip(inner[-3::-2], inner[-2::-2], strict=True):
        holds = condition.values & condition.valid
        values, valid = np.where(holds, then.values, values), np.where(holds, then.valid, valid)
    return Column(inner[-1].type, values, valid)


def _call(name: str, type_: str, args: list[Column]) -> Column:
    if name in _LAZY:
        return _LAZY[name](args)
    valid = np.logical_and.reduce([each.valid for each in args])
    values = [each.values for each in args]
    first = args[0].type
    if name.startswith("extract_"):
        return Column.of(type_, timestamps.part(name.removeprefix("extract_"), values[0]), valid)
    if name.startswith("date_diff_"):
        unit = timestamps.UNITS[name.removeprefix("date_diff_")]
        return Column(type_, values[1] // unit - values[0] // unit, valid)
    if name in _COMPARISONS:
        return Column(type_, _COMPARISONS[name](*values).astype(bool), valid)
    if name in _TEXT_FUNCTIONS:
        return _by_row(_TEXT_FUNCTIONS[name], type_, values, valid)
    if name == "round" and len(values) == 2:
        return _by_row(floats.round_to, type_, values, valid)
    if first == "int64":
        answer = _OF_INTEGERS[name](*values)
        return (
            Column(type_, answer[0], valid & answer[1])
            if isinstance(answer, tuple)
            else Column(type_, answer, valid)
        )
    return Column.of(type_, _OF_FLOATS[name](*values), valid)


def _by_row(function: Callable[..., Any], type_: str, values: list[np.ndarray], valid: np.ndarray) -> Column:
    """A function of one row at a time, which answers None where there is no value."""
    rows = np.flatnonzero(valid)
    answers = [function(*row) for row in zip(*(each[rows].tolist() for each in values), strict=True)]
    there = np.array([answer is not None for answer in answers], dtype=bool)
    result = np.full(len(valid), FILLERS[type_], dtype=DTYPES[type_])
    result[rows] = np.array(
        [FILLERS[type_] if each is None else each for each in answers], dtype=DTYPES[type_]
    )
    kept = np.zeros(len(valid), dtype=bool)
    kept[rows] = there
    return Column.of(type_, result, kept)


def _cast(column: Column, to: str) -> Column:
    if column.type == to:
        return column
    values, valid = column.values, column.valid
    by_row = _CASTS_BY_ROW.get((column.type, to))
    if by_row:
        return _by_row(by_row, to, [values], valid)
    if (column.type, to) == ("timestamp", "string"):
        return Column(to, timestamps.as_texts(values), valid)
    if (column.type, to) == ("int64", "boolean"):
        return Column(to, values != 0, valid)
    if (column.type, to) == ("float64", "int64"):
        whole = floats.round_half_away(values)
        fits = (whole >= -(2.0**63)) & (whole < 2.0**63)
        return Column(to, np.where(fits, whole, 0.0).astype(np.int64), valid & fits)
    if (column.type, to) in (("int64", "float64"), ("boolean", "int64")):
        return Column(to, values.astype(DTYPES[to]), valid)
    raise KeyError(f"no cast of {column.type} to {to}")


def _connect(decides: bool) -> Callable[[list[Column]], Column]:
    """And (decided by false) and or (decided by true) of three truth values."""

    def connect(args: list[Column]) -> Column:
        decided = np.logical_or.reduce([each.valid & (each.values == decides) for each in args])
        known = np.logical_and.reduce([each.valid for each in args])
        return Column("boolean", np.where(decided, decides, not decides), decided | known)

    return connect


def _is_null(args: list[Column]) -> Column:
    return Column("boolean", ~args[0].valid, np.ones(len(args[0].valid), dtype=bool))


def _in(args: list[Column]) -> Column:
    first, *items = args
    found = np.logical_or.reduce([each.valid & (first.values == each.values).astype(bool) for each in items])
    known = np.logical_and.reduce([each.valid for each in items])
    return Column("boolean", found, first.valid & (found | known))


def _coalesce(args: list[Column]) -> Column:
    values, valid = args[0].values, args[0].valid
    for each in args[1:]:
        values, valid = np.where(valid, values, each.values), valid | each.valid
    return Column(args[0].type, values, valid)


def _nullif(args: list[Column]) -> Column:
    first, second = args
    same = second.valid & (first.values == second.values).astype(bool)
    return Column(first.type, first.values, first.valid & ~same)


def _most(is_better: Callable[[Any, Any], Any]) -> Callable[[list[Column]], Column]:
    def most(args: list[Column]) -> Column:
        values, valid = args[0].values, args[0].valid
        for each in args[1:]:
            better = each.valid & (~valid | is_better(each.values, values).astype(bool))
            values, valid = np.where(better, each.values, values), valid | each.valid
        return Column(args[0].type, values, valid)

    return most


def _concat(args: list[Column]) -> Column:
    there = [np.where(each.valid, each.values, "") for each in args]
    everywhere = np.ones(len(args[0].valid), dtype=bool)
    return _by_row(lambda *parts: texts.bounded("".join(parts)), "string", there, everywhere)


# What has an answer although an argument is null.
_LAZY: dict[str, Callable[[list[Column]], Column]] = {
    "and": _connect(False),
    "or": _connect(True),
    "is_null": _is_null,
    "in": _in,
    "coalesce": _coalesce,
    "nullif": _nullif,
    "greatest": _most(operator.gt),
    "least": _most(operator.lt),
    "concat": _concat,
}

_COMPARISONS: dict[str, Callable[..., np.ndarray]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "not": np.logical_not,
}

_OF_INTEGERS: dict[str, Callable[..., Any]] = {
    "add": integers.add,
    "subtract": integers.subtract,
    "multiply": integers.multiply,
    "div": integers.divide,
    "mod": integers.remainder,
    "negate": integers.negate,
    "abs": lambda values: (np.abs(values), values != integers.LEAST),
    "sign": np.sign,
}

_OF_FLOATS: dict[str, Callable[..., np.ndarray]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "div": lambda left, right: np.trunc(left / right),
    "mod": np.fmod,
    "negate": operator.neg,
    "abs": np.abs,
    "sign": np.sign,
    "ceil": np.ceil,
    "floor": np.floor,
    "round": floats.round_half_away,
    "sqrt": np.sqrt,
    "exp": elementary.exp,
    "ln": elementary.ln,
    "log10": elementary.log10,
    "power": elementary.power,
}

_TEXT_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "length": len,
    "lower": texts.lower,
    "upper": texts.upper,
    "trim": texts.trim,
    "ltrim": texts.ltrim,
    "rtrim": texts.rtrim,
    "substring": texts.substring,
    "left": texts.left,
    "right": texts.right,
    "replace": texts.replace,
    "append": lambda first, second: texts.bounded(first + second),
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": operator.contains,
}

_CASTS_BY_ROW: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("int64", "string"): str,
    ("float64", "string"): floats.as_text,
    ("boolean", "string"): lambda value: "true" if value else "false",
    ("string", "int64"): integers.parse,
    ("string", "float64"): floats.parse,
    ("string", "boolean"): texts.parse_boolean,
    ("string", "timestamp"): timestamps.parse,
}
