"""How many columns a file may have."""

from __future__ import annotations

from ..failures import unreadable

# As many as a sheet of Excel has. Each costs time and memory in every block of rows, whoever needs it.
MOST_COLUMNS = 16_384


def refuse_wide(columns: int, shown: str) -> None:
    """
    Args:
        columns: how many there are.
        shown: the file's name in messages.

    Raises:
        JobFailure: there are too many.
    """
    if columns > MOST_COLUMNS:
        raise unreadable(
            f"{shown} has {columns:,} columns, more than the {MOST_COLUMNS:,} that a file may have; a row is "
            "an example and a column a feature."
        )
