"""How people write numbers in text: decimal commas, thousands, currency signs, percent, hexadecimal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_PLAIN_WHOLE = r"^[+-]?\d+$"
_ASKED_FIRST = 1_000
_HEX = r"0[xX][0-9a-fA-F]{1,16}"
_SPECIAL = re.compile(r"[+-]?(inf|infinity|nan(\(\w*\))?)", re.IGNORECASE | re.ASCII)
# A space, a no-break space, a thin and a narrow one.
_SPACES = " \u00a0\u2009\u202f"
# As it is typed, and as typesetters and the Swiss locale write it.
_APOSTROPHES = "'\u2019"
_MINUS = "\u2212"
_UNIT = r"[\p{Sc}%]"


@dataclass(frozen=True)
class NumberForm:
    """How a column writes its numbers.

    Attributes:
        decimal: `.` or `,`.
        thousands: `,`, `.`, `'`, a space (of any kind), or nothing.
        unit: a currency sign or `%` before or behind the number, or nothing.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    @property
    def cell(self) -> str:
        """Expression of a cell, for `re` and for Arrow."""
        decimal = re.escape(self.decimal)
        number = rf"(?:{self._digits}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
        return self._signed(f"{number}|{_HEX}")

    @property
    def whole(self) -> str:
        """Expression of a cell that holds a whole number."""
        return self._signed(f"{self._digits}|{_HEX}")

    @property
    def _digits(self) -> str:
        if not self.thousands:
            return r"\d+"
        alike = {" ": _SPACES, "'": _APOSTROPHES}.get(self.thousands, re.escape(self.thousands))
        mark = f"[{alike}]"
        # Groups of two before the last one are how India writes lakhs. 0,125 has no thousands.
        return rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}|\d+)"

    def _signed(self, number: str) -> str:
        sign = f"[+{_MINUS}-]?"
        if not self.unit:
            return f"^{sign}(?:{number})$"
        unit = re.escape(self.unit)
        return f"^{sign}(?:{unit}[{_SPACES}]?)?{sign}(?:{number})(?:[{_SPACES}]?{unit})?$"

    def as_reading(self) -> dict[str, Any]:
        """What a signature keeps of it."""
        return {
            name: value
            for name, value, usual in (
                ("decimal", self.decimal, "."),
                ("thousands", self.thousands, ""),
                ("unit", self.unit, ""),
            )
            if value != usual
        }


FORMS = tuple(
    NumberForm(decimal, thousands)
    for decimal, thousands in (
        (".", ""),
        (".", ","),
        (",", ""),
        (",", "."),
        (".", " "),
        (",", " "),
        (".", "'"),
        (",", "'"),
    )
)


def form_of_reading(reading: dict[str, Any]) -> NumberForm:
    """The form that a signature keeps."""
    return NumberForm(reading.get("decimal", "."), reading.get("thousands", ""), reading.get("unit", ""))


def cast_or_none(cells: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Text as numbers, where all of it is such as Arrow reads itself."""
    try:
        # Arrow words a fault for every cell that is none, which takes a microsecond each: ask a few first.
        cells.slice(0, _ASKED_FIRST).cast(kind)
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def parsed_numbers(cells: pa.Array, form: NumberForm) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of trimmed cells.

    Args:
        cells: text, null where missing.
        form: how they are written.

    Returns:
        float64 [rows], NaN where missing or no number; bool [rows], where a cell is no number.
    """
    if form.decimal == "." and (quick := cast_or_none(cells, pa.float64())) is not None:
        return quick.to_numpy(zero_copy_only=False), np.zeros(len(cells), bool)
    is_plain = pc.match_substring_regex(cells, PLAIN if form.decimal == "." else _PLAIN_WHOLE)
    plain = pc.if_else(is_plain, cells, pa.scalar(None, cells.type))
    numbers = np.array(plain.cast(pa.float64()).to_numpy(zero_copy_only=False))
    others = np.flatnonzero(pc.equal(is_plain, False).fill_null(False).to_numpy(zero_copy_only=False))
    wrong = np.zeros(len(cells), bool)
    if len(others):
        expression = re.compile(form.cell, re.ASCII)
        known: dict[str, float | None] = {}
        for row, text in zip(others, cells.take(pa.array(others)).to_pylist(), strict=True):
            if text not in known:
                known[text] = _parsed(text, form, expression)
            number = known[text]
            wrong[row] = number is None
            numbers[row] = np.nan if number is None else number
    return numbers, wrong


def _parsed(text: str, form: NumberForm, expression: re.Pattern) -> float | None:
    if _SPECIAL.fullmatch(text):
        return np.nan if "nan" in text.lower() else float(text)
    if not expression.fullmatch(text):
        return None
    if form.unit:
        text = text.replace(form.unit, "")
    text = text.replace(_MINUS, "-")
    for mark in _SPACES if form.thousands != "'" else _SPACES + _APOSTROPHES:
        text = text.replace(mark, "")
    if re.search(_HEX, text):
        return float(int(text, 16))
    if form.thousands in (".", ","):
        text = text.replace(form.thousands, "")
    return float(text.replace(",", ".") if form.decimal == "," else text)


def form_of(
    texts: pa.Array, counts: np.ndarray, comma_is_decimal: bool
) -> tuple[NumberForm, int, bool, bool]:
    """The form in which most of a column's cells are numbers.

    Args:
        texts: its different cells, trimmed.
        counts: how often each stands there.
        comma_is_decimal: what a comma is before three digits, where nothing else tells.

    Returns:
        The form, how many cells are numbers in it, whether all of these are whole, and whether the comma
        could as well have been the other thing.
    """
    unit = _unit_of(texts, counts)
    forms = [NumberForm(form.decimal, form.thousands, unit) for form in FORMS]
    if comma_is_decimal:
        forms = [forms[0], *forms[2:4], forms[1], *forms[4:]]
    best, most, fitting = forms[0], -1, None
    for form in forms:
        fits = pc.match_substring_regex(texts, form.cell).to_numpy(zero_copy_only=False)
        cells = int(counts[fits].sum())
        if cells > most:
            best, most, fitting = form, cells, fits
    fitted = texts.filter(pa.array(fitting))
    whole = bool(pc.all(pc.match_substring_regex(fitted, best.whole)).as_py()) and not unit
    # Every comma stands before three digits, as one of thousands does.
    other = NumberForm(",", "", unit) if best == NumberForm(".", ",", unit) else NumberForm(".", ",", unit)
    is_unsure = False
    if best in (NumberForm(".", ",", unit), NumberForm(",", "", unit)):
        is_unsure = bool(pc.all(pc.match_substring_regex(fitted, other.cell)).as_py())
    return best, most, whole, is_unsure


def _unit_of(texts: pa.Array, counts: np.ndarray) -> str:
    """The only currency sign or percent sign of a column's cells; nothing where there are several."""
    has_unit = pc.match_substring_regex(texts, _UNIT).to_numpy(zero_copy_only=False)
    if not has_unit.any():
        return ""
    found = pc.extract_regex(texts.filter(pa.array(has_unit)), rf"(?P<unit>{_UNIT})")
    signs: dict[str, int] = {}
    for sign, count in zip(
        pc.struct_field(found, "unit").to_pylist(), counts[has_unit].tolist(), strict=True
    ):
        signs[sign] = signs.get(sign, 0) + count
    return max(signs, key=signs.__getitem__)
