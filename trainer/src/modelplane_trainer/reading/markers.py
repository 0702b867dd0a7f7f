"""The words that stand for a missing value in text; docs/training.md lists them."""

from __future__ import annotations

# In any column of CSV, a category included, unless training was told that the column is a category.
MISSING_WORDS = (
    "?",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "#NA",
    "#N/A N/A",
    "<NA>",
    "NaN",
    "nan",
    "-NaN",
    "-nan",
    "1.#QNAN",
    "-1.#QNAN",
    "1.#IND",
    "-1.#IND",
    "null",
    "NULL",
    "Null",
    "\\N",
)
# Beside the others where a column holds numbers, booleans or times: as categories they have a meaning.
MISSING_AMONG_TYPED = (
    "None",
    "none",
    "NONE",
    "na",
    "Na",
    "N.A.",
    "n.a.",
    "NAN",
    "NaT",
    "nil",
    "-",
    "--",
    "—",
    ".",
    "(null)",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
    "#NUM!",
    "#NAME?",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0000-00-00T00:00:00",
)
