"""Functions of text, by code points; libs/expressions/src/text.ts does the same."""

from __future__ import annotations

import json
from functools import cache

from .. import contracts

# Code points that a function may make a text of; what would be longer has no value.
MAX_LENGTH = 10_000


def bounded(text: str) -> str | None:
    return text if len(text) <= MAX_LENGTH else None


def substring(text: str, start: int, length: int | None = None) -> str | None:
    """As PostgreSQL's: the first character is 1, characters before it count."""
    if length is None:
        return text[max(start - 1, 0) :]
    return None if length < 0 else text[max(start - 1, 0) : max(start - 1 + length, 0)]


def left(text: str, count: int) -> str:
    """The first characters; a negative count leaves out so many at the end."""
    return text[:count]


def right(text: str, count: int) -> str:
    """The last characters; a negative count leaves out so many at the start."""
    return text[-count:] if count < 0 else text[max(len(text) - count, 0) :]


def trim(text: str, characters: str = " ") -> str:
    return text.strip(characters)


def ltrim(text: str, characters: str = " ") -> str:
    return text.lstrip(characters)


def rtrim(text: str, characters: str = " ") -> str:
    return text.rstrip(characters)


def replace(text: str, old: str, new: str) -> str | None:
    """Every occurrence; an empty text occurs nowhere."""
    if old == "":
        return bounded(text)
    length = len(text) + text.count(old) * (len(new) - len(old))
    return text.replace(old, new) if length <= MAX_LENGTH else None


def lower(text: str) -> str:
    return text.translate(_case_mapping("lower"))


def upper(text: str) -> str:
    return text.translate(_case_mapping("upper"))


@cache
def _case_mapping(to: str) -> dict[int, int]:
    document = json.loads((contracts.folder() / "case-mapping.v1.json").read_text(encoding="utf-8"))
    return {
        point: point + distance
        for first, last, step, distance in document[to]
        for point in range(first, last + 1, step)
    }


_TRUE = {"t", "true", "y", "yes", "on", "1"}
_FALSE = {"f", "false", "n", "no", "off", "0"}


def parse_boolean(text: str) -> bool | None:
    word = text.strip(" \t\n\v\f\r")
    # Beyond ASCII, letters that are not in one of the words may become some of them.
    word = word.lower() if word.isascii() else ""
    return True if word in _TRUE else False if word in _FALSE else None
