"""Decides, once and over all rows, what a column of the training data holds and how its cells are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import LARGEST_WHOLE, Column, Kind
from ..failures import unfit
from ..timestamps import EARLIEST_MILLISECONDS, LATEST_MILLISECONDS, TIME
from .markers import MISSING_AMONG_TYPED, MISSING_WORDS
from .number_forms import form_of
from .parquet_file import is_text
from .tables import Table
from .values import Values, from_arrow, from_cells, short, texts_of, without_markers

FEATURE_TYPES = ("number", "category", "time", "boolean")
# A column is what at least this share of its cells is, and the others are missing.
MAJORITY = 0.95
_KINDS: dict[str, Kind] = {
    "number": "number",
    "category": "string",
    "time": "timestamp",
    "boolean": "boolean",
}
_PLURALS = {
    "number": "numbers",
    "integer": "numbers",
    "boolean": "true or false",
    "timestamp": "dates or times",
}
_NOUNS = {
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "timestamp": "a date or time",
}


@dataclass
class _Decision:
    kind: Kind
    reading: dict[str, Any]


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
        asked: what the caller says that it is, of `FEATURE_TYPES`.
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
    kind = values.type
    if pa.types.is_null(kind):
        return "holds no value"
    if is_text(kind):
        array = values.cast(pa.large_string()).combine_chunks()
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        decide = _decide_cells if name in table.guessed else _decide_text
        decision = _asked_of_text(name, array, asked, name in table.guessed, table) if asked else None
        decision = decision or decide(name, array, table, warn)
        if isinstance(decision, str):
            return decision
        read = from_cells if name in table.guessed else from_arrow
        found = read(array, decision.kind, decision.reading)
        column = _column(name, found, decision, warn, is_target)
        if decision.kind != "string":
            _tell_markers(table, name, array, found, decision.kind, warn)
        _tell_odd(table, name, found, array, decision.kind, asked, warn)
        return column
    decision = _asked_of_typed(name, values, asked) if asked else _decide_typed(values)
    if isinstance(decision, str):
        return decision
    array = values.combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if asked == "category" and decision.kind == "string":
        array = texts_of(array)
    found = from_arrow(array, decision.kind, decision.reading)
    _refuse_misfits(name, found, decision, asked)
    if name in table.odd:
        odd = table.odd[name]
        warn(
            f"column '{name}' holds {odd.count} of {odd.of} values that are not {_NOUNS.get(decision.kind, 'a text')}, "
            f"such as {odd.shown} in {odd.place}; they count as missing."
        )
    return _column(name, found, decision, warn, is_target)


def _decide_typed(values: pa.ChunkedArray) -> _Decision | str:
    kind = values.type
    if pa.types.is_boolean(kind):
        return _Decision("boolean", {})
    if pa.types.is_integer(kind):
        # JSON tells whole numbers apart only up to here; past it a caller could not name the value.
        bounds = pc.min_max(values).as_py()
        whole = bounds["min"] is None or (bounds["min"] >= -LARGEST_WHOLE and bounds["max"] <= LARGEST_WHOLE)
        return _Decision("integer" if whole else "number", {})
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _Decision("number", {})
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _Decision("timestamp", {})
    if pa.types.is_temporal(kind):
        return "holds times of day or durations"
    if pa.types.is_nested(kind):
        return "holds nested values"
    return f"holds values of type {kind}"


def _asked_of_typed(name: str, values: pa.ChunkedArray, asked: str) -> _Decision | str:
    own = _decide_typed(values)
    if isinstance(own, str):
        raise _impossible(name, asked, f"it {own}")
    if asked == "number":
        if own.kind == "timestamp":
            raise _impossible(name, asked, "it holds dates or times")
        return _Decision("number", {"from": "boolean"}) if own.kind == "boolean" else own
    if asked == "category":
        if own.kind == "timestamp":
            raise _impossible(name, asked, "it holds dates or times")
        origin = "boolean" if own.kind == "boolean" else "number"
        return _Decision("string", {"from": origin, "missing": []})
    if asked == "time":
        if own.kind == "boolean":
            raise _impossible(name, asked, "it holds booleans")
        return _Decision("timestamp", {} if own.kind == "timestamp" else {"from": "number"})
    if own.kind == "timestamp":
        raise _impossible(name, asked, "it holds dates or times")
    return _Decision("boolean", {})


def _refuse_misfits(name: str, found: Values, decision: _Decision, asked: str | None) -> None:
    """Numbers that the caller calls times or booleans must all be some."""
    if asked == "time" and decision.reading.get("from") == "number" and found.wrong:
        row, what = next(iter(found.wrong.items()))
        raise _impossible(
            name,
            asked,
            f"{len(found.wrong)} values are no whole milliseconds since 1970, such as {what} in row {row}",
        )
    if asked == "boolean":
        odd = np.flatnonzero((found.data != 0) & (found.data != 1) & ~found.missing)
        if len(odd):
            raise _impossible(name, asked, f"it holds numbers such as {found.data[odd[0]]:g} in row {odd[0]}")


def _asked_of_text(name: str, array: pa.Array, asked: str, is_guessed: bool, table: Table) -> _Decision:
    kind = _KINDS[asked]
    if kind == "string":
        return _Decision("string", {"missing": []})
    trimmed = pc.utf8_trim_whitespace(array)
    present = without_markers(trimmed)
    reading: dict[str, Any] = {} if is_guessed else {"from": "text"}
    texts, counts = _distinct(present)
    if kind == "number" and len(texts):
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
            f"{len(found.wrong)} of {known} values are not {_NOUNS[kind]}, such as {what} in {table.place(row)}",
        )
    return _Decision(kind, reading)


def _decide_text(name: str, array: pa.Array, table: Table, warn: Callable[[str], None]) -> _Decision | str:
    """Text that its file declares as such stays text, unless it is dates or times, which JSON has no type for."""
    texts, counts = _distinct(array)
    if not pc.any(pc.not_equal(texts, "")).as_py():
        return "holds no value"
    if _are_times(texts, counts, pc.is_in(pc.utf8_trim_whitespace(texts), value_set=_TYPED)):
        return _Decision("timestamp", {})
    held = set(texts.filter(pc.is_in(texts, value_set=_WORDS)).to_pylist())
    if held:
        rows = int(counts[pc.is_in(texts, value_set=_WORDS).to_numpy(zero_copy_only=False)].sum())
        warn(
            f"column '{name}' holds the text {_listed(held)} in {rows} rows, which is a value like any other because "
            "the file declares text; write null where a value is missing."
        )
    elif pc.all(pc.match_substring_regex(texts, r"^\s*([+-]?\d+(\.\d+)?)?\s*$")).as_py():
        warn(
            f"column '{name}' is text whose values are all numbers, and stays text because the file declares it so; "
            "say number in data_config.feature_types to learn from their size."
        )
    return _Decision("string", {"missing": [word for word in MISSING_WORDS if word not in held]})


def _decide_cells(name: str, array: pa.Array, table: Table, warn: Callable[[str], None]) -> _Decision | str:
    """What the cells of a CSV column, which declares nothing, mostly are."""
    present, numbers = _quick_numbers(array)
    if numbers is None:
        present = without_markers(pc.utf8_trim_whitespace(array))
        numbers = _whole_or_float(present)
    if present.null_count == len(present):
        texts, _ = _distinct(pc.utf8_trim_whitespace(array))
        known = texts.filter(pc.invert(pc.is_in(texts, value_set=_EMPTY)))
        if len(known) < 2:
            return "holds no value"
        return _Decision("string", {"missing": list(MISSING_WORDS)})
    if numbers is not None:
        zeros = _leading_zeros(name, present, warn)
        if zeros:
            return _Decision("string", {"missing": list(MISSING_WORDS)})
        return _Decision(numbers, {})
    texts, counts = _distinct(present)
    total = int(counts.sum())
    lowered = pc.utf8_lower(texts)
    booleans = pc.is_in(lowered, value_set=pa.array(["true", "false"], lowered.type))
    if int(counts[booleans.to_numpy(zero_copy_only=False)].sum()) >= MAJORITY * total:
        return _Decision("boolean", {})
    form, fitting, is_whole, is_unsure = form_of(texts, counts, table.comma_is_decimal)
    if fitting >= MAJORITY * total:
        if _leading_zeros(name, present, warn):
            return _Decision("string", {"missing": list(MISSING_WORDS)})
        reading = form.as_reading()
        if is_unsure:
            meaning = "a decimal comma" if form.decimal == "," else "one of thousands"
            warn(f"column '{name}' has commas before three digits only; each was read as {meaning}.")
        if form.unit:
            warn(
                f"column '{name}' is written with '{form.unit}'; the model learns and takes the number beside it, "
                f"such as 12 for 12{form.unit}."
            )
        return _Decision(_whole_kind(present, reading) if is_whole else "number", reading)
    if _are_times(texts, counts, None):
        return _Decision("timestamp", {})
    _tell_words(name, pc.utf8_trim_whitespace(array), warn)
    return _Decision("string", {"missing": list(MISSING_WORDS)})


def _quick_numbers(array: pa.Array) -> tuple[pa.Array, Kind | None]:
    """Without a look at blanks and markers, which most columns of numbers do not have."""
    present = pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)
    kind = _whole_or_float(present)
    # A word such as nan is also a number to Arrow, and would keep whole numbers from being seen as such.
    if kind == "number" and pc.any(pc.is_in(array, value_set=_WORDS)).as_py():
        return present, None
    return present, kind


def _whole_or_float(present: pa.Array) -> Kind | None:
    try:
        bounds = pc.min_max(present.cast(pa.int64())).as_py()
    except pa.ArrowInvalid:
        try:
            present.cast(pa.float64())
        except pa.ArrowInvalid:
            return None
        return "number"
    if bounds["min"] is None:
        return "integer"
    # The cast reads hexadecimal digits too, which no cast to floats does: `values` reads them its own way.
    return "integer" if bounds["min"] >= -LARGEST_WHOLE and bounds["max"] <= LARGEST_WHOLE else "number"


def _whole_kind(present: pa.Array, reading: dict[str, Any]) -> Kind:
    found = from_cells(present.fill_null(""), "number", reading)
    known = found.data[~np.isnan(found.data)]
    return "integer" if not len(known) or np.abs(known).max() <= LARGEST_WHOLE else "number"


def _leading_zeros(name: str, present: pa.Array, warn: Callable[[str], None]) -> bool:
    """Whether a column of digits is a code, such as zip codes: of one width, with zeros before some of them."""
    # A look at the first letter is quicker than an expression.
    begins = present.filter(pc.starts_with(present, "0"))
    padded = begins.filter(pc.match_substring_regex(begins, r"^0\d+$"))
    if not len(padded):
        return False
    widths = pc.utf8_length(present).drop_null().to_numpy(zero_copy_only=False)
    width = pc.utf8_length(padded)[0].as_py()
    digits = pc.match_substring_regex(present, rf"^\d{{{width}}}$")
    is_code = (pc.sum(digits).as_py() or 0) >= MAJORITY * len(widths)
    told = padded[0].as_py()
    if is_code:
        warn(
            f"column '{name}' holds digits of one width with leading zeros, such as '{told}', and is used as text; "
            "say number in data_config.feature_types to learn from their size."
        )
    else:
        warn(
            f"column '{name}' holds numbers with leading zeros, such as '{told}', and is used as a number; "
            "say category in data_config.feature_types if they are codes."
        )
    return is_code


def _are_times(texts: pa.Array, counts: np.ndarray, missing: pa.Array | None) -> bool:
    """Whether nearly all cells are dates or times."""
    if missing is not None:
        known = pc.invert(missing)
        texts, counts = texts.filter(known), counts[known.to_numpy(zero_copy_only=False)]
    if not len(texts):
        return False
    trimmed = pc.utf8_trim_whitespace(texts)
    looks = pc.match_substring_regex(trimmed, f"^{TIME}$").to_numpy(zero_copy_only=False)
    if counts[looks].sum() < MAJORITY * counts.sum():
        return False
    found = from_cells(trimmed, "timestamp", {})
    right = np.ones(len(texts), bool)
    right[list(found.wrong)] = False
    return bool(counts[right & ~found.missing].sum() >= MAJORITY * counts.sum())


def _column(
    name: str, found: Values, decision: _Decision, warn: Callable[[str], None], is_target: bool
) -> Column:
    """Values as a column; what is wrong among them is missing."""
    if decision.kind == "string":
        texts = found.texts
        if any("\0" in text for text in texts):
            raise unfit(f"column '{name}' holds texts with a NUL character; take it out of them.")
        codes = np.where(found.missing, -1, found.data).astype(np.int32)
        blank = [place for place, text in enumerate(texts) if text == ""]
        codes[np.isin(codes, blank)] = -1
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
    array: pa.Array,
    kind: Kind,
    asked: str | None,
    warn: Callable[[str], None],
) -> None:
    if not found.wrong or kind == "string":
        return
    row, what = next(iter(found.wrong.items()))
    known = int((~found.missing).sum())
    otherwise = "" if asked else "; say category in data_config.feature_types if they have a meaning"
    warn(
        f"column '{name}' holds {len(found.wrong)} of {known} values that are not {_NOUNS[kind]}, "
        f"such as {what} in {table.place(row)}; they count as missing{otherwise}."
    )


def _tell_markers(
    table: Table, name: str, array: pa.Array, found: Values, kind: Kind, warn: Callable[[str], None]
) -> None:
    """An empty cell is plainly missing; a blank or a word needs telling."""
    told = found.missing & pc.not_equal(array, "").fill_null(False).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(told)
    if len(rows):
        first = json.dumps(short(array[int(rows[0])].as_py()), ensure_ascii=False)
        warn(
            f"column '{name}' is text, but all its values are {_PLURALS[kind]} except {len(rows)} that are blank or "
            f"words for a missing value, such as {first} in {table.place(rows[0])}; these count as missing."
        )


def _tell_words(name: str, trimmed: pa.Array, warn: Callable[[str], None]) -> None:
    """A word for missing may be a value: NA is also North America."""
    texts, counts = _distinct(trimmed)
    words = pc.is_in(texts, value_set=_WORDS)
    rows = int(counts[words.to_numpy(zero_copy_only=False)].sum())
    if rows:
        warn(
            f"column '{name}' is missing in {rows} rows that say {_listed(set(texts.filter(words).to_pylist()))}; "
            "say category in data_config.feature_types if that is a value."
        )


def _distinct(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The different texts but null, and how often each is there."""
    counted = array.drop_null().value_counts()
    return counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)


def _impossible(name: str, asked: str, why: str) -> Exception:
    return unfit(f"data_config.feature_types says {asked} for column '{name}', but {why}.")


def _listed(words: set[str]) -> str:
    return ", ".join(f"'{short(word)}'" for word in sorted(words)[:5])


_WORDS = pa.array(MISSING_WORDS, pa.large_string())
_EMPTY = pa.array(["", *MISSING_WORDS], pa.large_string())
_TYPED = pa.array(["", *MISSING_WORDS, *MISSING_AMONG_TYPED], pa.large_string())
