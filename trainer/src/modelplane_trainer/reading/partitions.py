"""Columns that the folders of a file name, as Hive and Spark write them: `plan=gold/part-0.parquet`."""

from __future__ import annotations

from urllib.parse import unquote

_MISSING = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(uri: str) -> dict[str, str]:
    """Value by column; the empty text where it is missing."""
    folders = uri.split("://", 1)[-1].split("/")[1:-1]
    found = {}
    for folder in folders:
        name, equals, value = folder.partition("=")
        if equals and name:
            found[unquote(name)] = "" if value == _MISSING else unquote(value)
    return found
