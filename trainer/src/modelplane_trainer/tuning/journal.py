"""What a study has done, in the object store: another attempt goes on behind it."""

from __future__ import annotations

import json
from typing import Any

from ..failures import DATA_UNREADABLE, JobFailure
from ..storage import Store

# Segments that are written before all is written into one object again.
SEGMENTS = 64


class Journal:
    """Records of a study in the order in which they were written.

    An attempt writes into a folder of its own, so that a process of an earlier one that does not know yet
    that it is over changes nothing. The folder holds a base, which has all records of earlier attempts and of
    the segments that were there when it was written, and a ring of segments behind it. An object is written
    whole, so that a reader finds it as it was or as it is; its position tells a segment of an earlier round.

    Args:
        store: where it lies.
        folder_uri: the job's own folder.
        attempt: the number of this attempt.

    Attributes:
        records: all of them.
    """

    def __init__(self, store: Store, folder_uri: str, attempt: int) -> None:
        self._store = store
        self._folder = f"{folder_uri}journal/"
        self._attempt = attempt
        self.records: list[dict[str, Any]] = []
        for earlier in range(attempt - 1, 0, -1):
            found = self._read(earlier)
            if found is not None:
                self.records = found
                break
        self._position = 0
        self._write_base()

    def write(self, records: list[dict[str, Any]]) -> None:
        """Keep records for good; once this returns, every later attempt finds them."""
        self.records += records
        self._put(_segment_name(self._position), records)
        self._position += 1
        if self._position % SEGMENTS == 0:
            self._write_base()

    def _write_base(self) -> None:
        self._put("base.jsonl", self.records)

    def _put(self, name: str, records: list[dict[str, Any]]) -> None:
        lines = [{"position": self._position}, *records]
        content = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
        self._store.write(f"{self._folder}{self._attempt}/", name, content.encode())

    def _read(self, attempt: int) -> list[dict[str, Any]] | None:
        """The records of an attempt; None where it wrote none."""
        base = self._lines(attempt, "base.jsonl")
        if base is None:
            return None
        position, records = base[0]["position"], base[1:]
        while True:
            segment = self._lines(attempt, _segment_name(position))
            if segment is None or segment[0]["position"] != position:
                return records
            records += segment[1:]
            position += 1

    def _lines(self, attempt: int, name: str) -> list[dict[str, Any]] | None:
        try:
            with self._store.open(f"{self._folder}{attempt}/{name}") as file:
                return [json.loads(line) for line in file]
        except JobFailure as failure:
            if failure.code != DATA_UNREADABLE:
                raise
            return None


def _segment_name(position: int) -> str:
    return f"segment-{position % SEGMENTS:02}.jsonl"
