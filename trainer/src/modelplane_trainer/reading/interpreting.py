"""A column of the training data, read by what was decided or asked about it."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import LARGEST_WHOLE, MOST_TEXT_BYTES, Column, Kind
from ..failures import unfit
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS
from .asked_types import NOUNS, refuse_misfits, text_as_asked, typed_as_asked
from .deciding import Decision, decide_cells, decide_text, decide_typed
from .parquet_file import is_text
from .tables import Table
from .values import Values, from_arrow, from_cells, short, texts_of

_MANY_DIGITS = r"^\s*[+-]?(\d{16,}|0[xX][0-9a-fA-F]{14,})\s*$"
_PLURALS = {
    "number": "numbers",
    "integer": "numbers",
    "boolean": "true or false",
    "timestamp": "dates or times",
}


def interpret(
    table: Table,
    name: str,
    warn: Callable[[str], None],
    asked: str | None = None,
    is_target: bool = False,
) -> Column | str:
    """Decide what a column holds.

    Args:
        table: the data.
        name: the column.
        warn: told when values were read otherwise than they look.
        asked: what the caller says that it is, number, category, time or boolean.
        is_target: an infinite value then ends the job; in a feature it counts as missing.

    Returns:
        The column, or why it cannot be used, as the end of a sentence about it.

    Raises:
        JobFailure: the column is not what the caller says, or the target holds infinite values.
    """
    if "\0" in name:
        raise unfit(f"a column is named {name!r}; take the NUL character out of the name.")
    if name == "__proto__":
        raise unfit("a column is named '__proto__', which no JSON object can name; give it another name.")
    values = table.columns[name]
    if pa.types.is_null(values.type):
        return "holds no value"
    if is_text(values.type):
        return _text_column(table, name, values, warn, asked, is_target)
    if asked is None and name in table.categories and not is_target and _holds_numbers(values.type):
        asked = "category"
    decision = typed_as_asked(name, values, asked) if asked else decide_typed(values)
    if isinstance(decision, str):
        return decision
    array = values.combine_chunks()
    if asked == "category" and decision.kind == "string":
        array = texts_of(array)
    found = from_arrow(array, decision.kind, decision.reading)
    refuse_misfits(table, name, found, decision, asked)
    if name in table.odd:
        odd = table.odd[name]
        warn(
            f"column '{name}' holds {odd.count} of {odd.of} values that are not {NOUNS[decision.kind]}, "
            f"such as {odd.shown} in {odd.place}; they count as missing."
        )
        if odd.words:
            decision.reading["missing"] = sorted(odd.words)
    if name in table.absent:
        decision.reading["may_be_absent"] = True
    if decision.kind == "number" and pa.types.is_integer(values.type):
        _tell_rounded(name, warn)
    return _column(name, found, decision, warn, is_target)


def _are_rounded(array: pa.Array, found: Values) -> bool:
    """Whether cells are whole numbers that a float64 does not hold."""
    if np.nanmax(np.abs(found.data), initial=0) <= LARGEST_WHOLE:
        return False
    return bool(pc.any(pc.match_substring_regex(array, _MANY_DIGITS)).as_py())


def _tell_rounded(name: str, warn: Callable[[str], None]) -> None:
    warn(
        f"column '{name}' holds whole numbers beyond {LARGEST_WHOLE}, which lose their last digits; say "
        "category in data_config.feature_types if they are names."
    )


def _holds_numbers(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _text_column(
    table: Table,
    name: str,
    values: pa.ChunkedArray,
    warn: Callable[[str], None],
    asked: str | None,
    is_target: bool,
) -> Column | str:
    array = values.cast(pa.large_string()).combine_chunks()
    is_guessed = name in table.guessed
    if asked:
        decision: Decision | str = text_as_asked(table, name, array, asked)
    else:
        decision = (decide_cells if is_guessed else decide_text)(table, name, array, warn)
    if isinstance(decision, str):
        return decision
    found = (from_cells if is_guessed else from_arrow)(array, decision.kind, decision.reading)
    if decision.kind != "string":
        words = _tell_markers(table, name, array, found, decision.kind, warn)
        # A cell of CSV is empty where JSON has null; an empty text of JSON stands there as such.
        words -= {""} if is_guessed else set()
        if words:
            decision.reading["missing"] = sorted(words)
        _tell_odd(table, name, found, decision.kind, asked, warn)
        if decision.kind == "number" and _are_rounded(array, found):
            _tell_rounded(name, warn)
    if name in table.absent:
        decision.reading["may_be_absent"] = True
    if name in table.odd:
        odd = table.odd[name]
        warn(
            f"column '{name}' holds {odd.count} of {odd.of} values that are no texts, such as {odd.shown} "
            f"in {odd.place}; they count as missing."
        )
    return _column(name, found, decision, warn, is_target)


def _column(
    name: str, found: Values, decision: Decision, warn: Callable[[str], None], is_target: bool
) -> Column:
    """Values as a column; what is wrong among them is missing."""
    if decision.kind == "string":
        texts = found.texts
        if any("\0" in text for text in texts):
            raise unfit(f"column '{name}' holds texts with a NUL character; take it out of them.")
        codes = np.where(found.missing, -1, found.data).astype(np.int32)
        blank = [place for place, text in enumerate(texts) if text == ""]
        codes[np.isin(codes, blank)] = -1
        if found.wrong:
            warn(
                f"column '{name}' holds {len(found.wrong)} texts of more than {MOST_TEXT_BYTES} bytes, which "
                "predictions refuse."
            )
        # The empty text of `Values` stands at the end, and is none of the column's.
        kept = texts[:-1] if texts and texts[-1] == "" else texts
        return Column(name, "string", codes=codes, texts=kept, reading=decision.reading)
    numbers = np.where(found.missing, np.nan, found.data)
    if found.wrong:
        numbers[list(found.wrong)] = np.nan
    if decision.kind == "timestamp":
        numbers = _in_calendar(name, found, numbers, warn)
    elif decision.kind != "boolean":
        numbers = _finite(name, numbers, warn, is_target)
    return Column(name, decision.kind, numbers=numbers, reading=decision.reading)


def _in_calendar(name: str, found: Values, numbers: np.ndarray, warn: Callable[[str], None]) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        outside = (found.data < EARLIEST_MILLISECONDS) | (found.data > LATEST_MILLISECONDS)
    if outside.any():
        warn(
            f"column '{name}' holds {int(outside.sum())} times outside the years 1 to 9999; "
            "they count as missing."
        )
    return np.where(outside, np.nan, numbers)


def _finite(name: str, numbers: np.ndarray, warn: Callable[[str], None], is_target: bool) -> np.ndarray:
    """What does not fit a float32 becomes missing: the model's tensors are float32."""
    with np.errstate(over="ignore"):
        infinite = np.isinf(numbers.astype(np.float32))
    count = int(infinite.sum())
    if count and is_target:
        raise unfit(
            f"target column '{name}' holds {count} values that are infinite or too large; remove those rows."
        )
    if count:
        warn(f"column '{name}' holds {count} values that are infinite or too large; they count as missing.")
        numbers = np.where(infinite, np.nan, numbers)
    return numbers


def _tell_odd(
    table: Table,
    name: str,
    found: Values,
    kind: Kind,
    asked: str | None,
    warn: Callable[[str], None],
) -> None:
    if not found.wrong:
        return
    row, what = next(iter(found.wrong.items()))
    known = int((~found.missing).sum())
    otherwise = "" if asked else "; say category in data_config.feature_types if they have a meaning"
    warn(
        f"column '{name}' holds {len(found.wrong)} of {known} values that are not {NOUNS[kind]}, "
        f"such as {what} in {table.place(row)}; they count as missing{otherwise}."
    )


def _tell_markers(
    table: Table, name: str, array: pa.Array, found: Values, kind: Kind, warn: Callable[[str], None]
) -> set[str]:
    """The words that stand for missing values, told but for an empty cell, which plainly is one."""
    held = array.filter(pa.array(found.missing)).drop_null()
    told = found.missing & pc.not_equal(array, "").fill_null(False).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(told)
    if len(rows):
        first = json.dumps(short(array[int(rows[0])].as_py()), ensure_ascii=False)
        warn(
            f"column '{name}' is text, but all its values are {_PLURALS[kind]} except {len(rows)} that are "
            f"blank or words for a missing value, such as {first} in {table.place(rows[0])}; "
            "these count as missing."
        )
    return set(pc.utf8_trim_whitespace(held).unique().to_pylist())
