"""Decides, over all rows, what a column of the training data holds and how its cells are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import LARGEST_WHOLE, Kind
from ..timestamps import TIME
from .json_columns import MAJORITY, UNTYPED
from .markers import MISSING_AMONG_TYPED, MISSING_WORDS
from .number_forms import cast_or_none, form_of
from .tables import Table
from .values import from_cells, short, without_markers

_WORDS = pa.array(MISSING_WORDS, pa.large_string())
_EMPTY = pa.array(["", *MISSING_WORDS], pa.large_string())
# Signs, digits, and the words that belong to times and amounts of money.
_PIECE = (
    r"[^\pL]|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]*|"
    r"[ap]m|t|z|utc|gmt|ces?t|eur|usd|gbp|chf|r\$|kr"
)
_LIKE_NUMBERS_OR_TIMES = rf"(?i)^(?:{_PIECE})*\d(?:{_PIECE})*$"
_TYPED = pa.array(["", *MISSING_WORDS, *MISSING_AMONG_TYPED], pa.large_string())


@dataclass
class Decision:
    """What a column holds, and how its values are read; see `values`."""

    kind: Kind
    reading: dict[str, Any]


def decide_typed(values: pa.ChunkedArray) -> Decision | str:
    kind = values.type
    if pa.types.is_boolean(kind):
        return Decision("boolean", {})
    if pa.types.is_integer(kind):
        # JSON tells whole numbers apart only up to here; past it a caller could not name the value.
        bounds = pc.min_max(values).as_py()
        whole = bounds["min"] is None or (bounds["min"] >= -LARGEST_WHOLE and bounds["max"] <= LARGEST_WHOLE)
        return Decision("integer" if whole else "number", {})
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Decision("number", {})
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Decision("timestamp", {})
    if pa.types.is_temporal(kind):
        return "holds times of day or durations"
    if pa.types.is_nested(kind):
        # Of JSON, which declares no types, only that they are nested is known.
        return "holds nested values" + ("" if kind == UNTYPED else f" of type {short(str(kind))}")
    return f"holds values of type {kind}"


def decide_text(table: Table, name: str, array: pa.Array, warn: Callable[[str], None]) -> Decision | str:
    """Text that its file declares as such stays text, but for dates and times, for which JSON has no type."""
    texts, counts = distinct(array)
    if not pc.any(pc.not_equal(texts, "")).as_py():
        return "holds no value"
    if _are_times(texts, counts, pc.is_in(pc.utf8_trim_whitespace(texts), value_set=_TYPED)):
        return Decision("timestamp", {})
    held = set(texts.filter(pc.is_in(texts, value_set=_WORDS)).to_pylist())
    if held:
        rows = int(counts[pc.is_in(texts, value_set=_WORDS).to_numpy(zero_copy_only=False)].sum())
        warn(
            f"column '{name}' holds the text {_listed(held)} in {rows} rows, which is a value like any other "
            "because the file declares text; write null where a value is missing."
        )
    elif pc.all(pc.match_substring_regex(texts, r"^\s*([+-]?\d+(\.\d+)?)?\s*$")).as_py():
        warn(
            f"column '{name}' is text whose values are all numbers, and stays text because the file declares "
            "it so; say number in data_config.feature_types to learn from their size."
        )
    else:
        _tell_unread(name, texts, counts, warn)
    return Decision("string", {"missing": [word for word in MISSING_WORDS if word not in held]})


def decide_cells(table: Table, name: str, array: pa.Array, warn: Callable[[str], None]) -> Decision | str:
    """What the cells of a CSV column, which declares nothing, mostly are."""
    present, numbers = _quick_numbers(array)
    if numbers is None:
        present = without_markers(pc.utf8_trim_whitespace(array))
        numbers = _whole_or_float(present)
    if present.null_count == len(present):
        texts, _ = distinct(pc.utf8_trim_whitespace(array))
        known = texts.filter(pc.invert(pc.is_in(texts, value_set=_EMPTY)))
        if len(known) < 2:
            return "holds no value"
        return Decision("string", {"missing": list(MISSING_WORDS)})
    if numbers is not None:
        zeros = _leading_zeros(name, present, warn)
        if zeros:
            return Decision("string", {"missing": list(MISSING_WORDS)})
        return Decision(numbers, {})
    texts, counts = distinct(present)
    total = int(counts.sum())
    lowered = pc.utf8_lower(texts)
    booleans = pc.is_in(lowered, value_set=pa.array(["true", "false"], lowered.type))
    if int(counts[booleans.to_numpy(zero_copy_only=False)].sum()) >= MAJORITY * total:
        return Decision("boolean", {})
    form, fitting, is_whole, is_unsure = form_of(texts, counts, table.comma_is_decimal)
    if fitting >= MAJORITY * total:
        if _leading_zeros(name, present, warn):
            return Decision("string", {"missing": list(MISSING_WORDS)})
        reading = form.as_reading()
        if is_unsure:
            meaning = "a decimal comma" if form.decimal == "," else "one of thousands"
            warn(f"column '{name}' has commas before three digits only; each was read as {meaning}.")
        if form.unit:
            warn(
                f"column '{name}' is written with '{form.unit}'; the model learns and takes the number "
                f"beside it, such as 12 for 12{form.unit}."
            )
        return Decision(_whole_kind(present, reading) if is_whole else "number", reading)
    if _are_times(texts, counts, None):
        return Decision("timestamp", {})
    _tell_words(name, pc.utf8_trim_whitespace(array), warn)
    _tell_unread(name, texts, counts, warn)
    return Decision("string", {"missing": list(MISSING_WORDS)})


def _quick_numbers(array: pa.Array) -> tuple[pa.Array, Kind | None]:
    """Without a look at blanks and markers, which most columns of numbers do not have."""
    present = pc.if_else(pc.equal(array, ""), pa.scalar(None, array.type), array)
    kind = _whole_or_float(present)
    # A word such as nan is also a number to Arrow, and would keep whole numbers from being seen as such.
    if kind == "number" and pc.any(pc.is_in(array, value_set=_WORDS)).as_py():
        return present, None
    return present, kind


def _whole_or_float(present: pa.Array) -> Kind | None:
    whole = cast_or_none(present, pa.int64())
    if whole is None:
        return None if cast_or_none(present, pa.float64()) is None else "number"
    bounds = pc.min_max(whole).as_py()
    if bounds["min"] is None:
        return "integer"
    # The cast reads hexadecimal digits too, which no cast to floats does: `values` reads them its own way.
    return "integer" if bounds["min"] >= -LARGEST_WHOLE and bounds["max"] <= LARGEST_WHOLE else "number"


def _whole_kind(present: pa.Array, reading: dict[str, Any]) -> Kind:
    found = from_cells(present.fill_null(""), "number", reading)
    known = found.data[~np.isnan(found.data)]
    return "integer" if not len(known) or np.abs(known).max() <= LARGEST_WHOLE else "number"


def _leading_zeros(name: str, present: pa.Array, warn: Callable[[str], None]) -> bool:
    """Whether a column of digits is a code, as zip codes are: of one width, some with zeros before them."""
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
            f"column '{name}' holds digits of one width with leading zeros, such as '{told}', and is used as "
            "text; say number in data_config.feature_types to learn from their size."
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


def _tell_words(name: str, trimmed: pa.Array, warn: Callable[[str], None]) -> None:
    """A word for missing may be a value: NA is also North America."""
    texts, counts = distinct(trimmed)
    words = pc.is_in(texts, value_set=_WORDS)
    rows = int(counts[words.to_numpy(zero_copy_only=False)].sum())
    if rows:
        said = set(texts.filter(words).to_pylist())
        warn(
            f"column '{name}' is missing in {rows} rows that say {_listed(said)}; "
            "say category in data_config.feature_types if that is a value."
        )


def _tell_unread(name: str, texts: pa.Array, counts: np.ndarray, warn: Callable[[str], None]) -> None:
    """Numbers and times in a form that is not read, such as 31.12.2024, are texts to a model."""
    alike = pc.match_substring_regex(texts, _LIKE_NUMBERS_OR_TIMES)
    if counts[alike.to_numpy(zero_copy_only=False)].sum() >= MAJORITY * counts.sum():
        told = short(texts.filter(alike)[0].as_py())
        warn(
            f"column '{name}' is used as text: values such as '{told}' are not read as numbers or times; "
            "write 1234.5 and 2026-02-12T10:00:00Z, or try number in data_config.feature_types."
        )


def distinct(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The different texts but null, and how often each is there."""
    counted = array.drop_null().value_counts()
    return counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)


def _listed(words: set[str]) -> str:
    return ", ".join(f"'{short(word)}'" for word in sorted(words)[:5])
