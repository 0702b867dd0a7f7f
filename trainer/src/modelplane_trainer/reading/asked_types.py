"""What a column holds where the caller says it: `data_config.feature_types`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import Kind
from ..failures import unfit
from ..timestamps import TIME
from .deciding import Decision, decide_typed, distinct
from .json_columns import MAJORITY
from .number_forms import form_of
from .tables import Table
from .values import Values, from_cells, without_markers

_KINDS: dict[str, Kind] = {
    "number": "number",
    "category": "string",
    "time": "timestamp",
    "boolean": "boolean",
}
NOUNS = {
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "timestamp": "a date or time",
}


def typed_as_asked(name: str, values: pa.ChunkedArray, asked: str) -> Decision:
    """
    Raises:
        JobFailure: a column of this type is never what is asked for.
    """
    own = decide_typed(values)
    if isinstance(own, str):
        raise _impossible(name, asked, f"it {own}")
    if asked == "number":
        if own.kind == "timestamp":
            raise _impossible(name, asked, "it holds dates or times")
        return Decision("number", {"from": "boolean"}) if own.kind == "boolean" else own
    if asked == "category":
        if own.kind == "timestamp":
            raise _impossible(name, asked, "it holds dates or times")
        origin = "boolean" if own.kind == "boolean" else "number"
        return Decision("string", {"from": origin, "missing": []})
    if asked == "time":
        if own.kind == "boolean":
            raise _impossible(name, asked, "it holds booleans")
        return Decision("timestamp", {} if own.kind == "timestamp" else {"from": "number"})
    if own.kind == "timestamp":
        raise _impossible(name, asked, "it holds dates or times")
    return Decision("boolean", {})


def text_as_asked(table: Table, name: str, array: pa.Array, asked: str) -> Decision:
    """
    Raises:
        JobFailure: too many of the cells are something else.
    """
    kind = _KINDS[asked]
    if kind == "string":
        return Decision("string", {"missing": []})
    trimmed = pc.utf8_trim_whitespace(array)
    present = without_markers(trimmed)
    reading: dict[str, Any] = {} if name in table.guessed else {"from": "text"}
    texts, counts = distinct(present)
    words = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(["true", "false"], texts.type))
    if kind == "number" and name in table.guessed and pc.all(words, min_count=1).as_py():
        reading = {"from": "boolean"}
    elif kind == "number" and len(texts):
        reading |= form_of(texts, counts, table.comma_is_decimal)[0].as_reading()
    if kind == "timestamp":
        reading = {}
        if len(texts) and not pc.any(pc.match_substring_regex(texts, f"^{TIME}$")).as_py():
            reading = {"from": "number"}
    found = from_cells(array, kind, reading)
    known = int((~found.missing).sum())
    if not known or len(found.wrong) > (1 - MAJORITY) * known:
        row, what = next(iter(found.wrong.items()), (0, "nothing but missing values"))
        raise _impossible(
            name,
            asked,
            f"{len(found.wrong)} of {known} values are not {NOUNS[kind]}, such as {what} "
            f"in {table.place(row)}",
        )
    return Decision(kind, reading)


def refuse_misfits(table: Table, name: str, found: Values, decision: Decision, asked: str | None) -> None:
    """Numbers that the caller calls times or booleans must all be some."""
    if asked == "time" and decision.reading.get("from") == "number" and found.wrong:
        row, what = next(iter(found.wrong.items()))
        raise _impossible(
            name,
            asked,
            f"{len(found.wrong)} values are no whole milliseconds since 1970, such as {what} "
            f"in {table.place(row)}",
        )
    if asked == "boolean":
        odd = np.flatnonzero((found.data != 0) & (found.data != 1) & ~found.missing)
        if len(odd):
            raise _impossible(
                name, asked, f"it holds numbers such as {found.data[odd[0]]:g} in {table.place(odd[0])}"
            )


def _impossible(name: str, asked: str, why: str) -> Exception:
    return unfit(f"data_config.feature_types says {asked} for column '{name}', but {why}.")
