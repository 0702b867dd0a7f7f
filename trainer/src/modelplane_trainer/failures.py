"""How a job fails: a code of the contract and one sentence that a data scientist can act on."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable, Sequence

COLUMN_NOT_FOUND = "COLUMN_NOT_FOUND"
DATA_UNREADABLE = "DATA_UNREADABLE"
DATA_UNFIT = "DATA_UNFIT"
OBJECT_STORE_UNAVAILABLE = "OBJECT_STORE_UNAVAILABLE"
ONLINE_STORE_UNAVAILABLE = "ONLINE_STORE_UNAVAILABLE"
OUT_OF_MEMORY = "OUT_OF_MEMORY"
PARITY_FAILED = "PARITY_FAILED"
STORAGE_FULL = "STORAGE_FULL"
INTERNAL_ERROR = "INTERNAL_ERROR"


class JobFailure(Exception):
    """Ends a job with a `failed` event.

    Args:
        code: one of the codes above.
        message: one sentence, without a trace or a path of this machine.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def ran_out_of_disk(error: BaseException | None) -> bool:
    """Whether a file could not be written for want of room; some libraries keep no errno."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def unfit(message: str) -> JobFailure:
    """The data can be read but not trained on."""
    return JobFailure(DATA_UNFIT, message)


def unreadable(message: str) -> JobFailure:
    """A file cannot be read, or files do not fit each other."""
    return JobFailure(DATA_UNREADABLE, message)


def column_not_found(role: str, missing: Sequence[str], present: Iterable[str]) -> JobFailure:
    """Columns that the data does not have, each with the names closest to it.

    Args:
        role: where the name was given, such as `target_column`.
        missing: the names that do not exist.
        present: the names that do.
    """
    names = list(present)
    parts = []
    for name in missing[:5]:
        close = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
        lowered = [other for other in names if other.casefold() == name.casefold()]
        guesses = lowered or close
        hint = f" (did you mean {either(guesses)}?)" if guesses else ""
        parts.append(f"'{name}'{hint}")
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    known = f"; the data has {listed(names)}"
    return JobFailure(COLUMN_NOT_FOUND, f"{role}: no column {', '.join(parts)}{more}{known}.")


def either(names: Sequence[str]) -> str:
    """`'a' or 'b'`."""
    return " or ".join(f"'{name}'" for name in names)


def listed(names: Sequence[object], most: int = 8) -> str:
    """`'a', 'b' and 3 more`."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
