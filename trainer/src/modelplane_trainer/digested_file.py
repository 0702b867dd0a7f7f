"""A file whose digest is known when its last byte is written."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO


class DigestedFile:
    """Writes to a file, and knows what was written.

    Args:
        file: open for writing; closed by its owner.
        name: what it will be called.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self._digest.update(data)
        self._size += self._file.write(data)
        return len(data)

    def description(self) -> dict[str, Any]:
        """name, size_bytes and sha256 of what was written."""
        return {"name": self._name, "size_bytes": self._size, "sha256": self._digest.hexdigest()}
