"""The object store as a job sees it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .digested_file import DigestedFile
from .failures import unreadable
from .s3_storage import S3Store


class Written(Protocol):
    """An object that is being written. Nobody sees it before it is published."""

    closed: bool

    def write(self, data: bytes) -> int:
        """Add bytes."""

    def publish(self) -> dict[str, Any]:
        """Put it whole at its address; answers its name, size_bytes and sha256."""

    def discard(self) -> None:
        """Leave nothing behind, unless it was published."""


class Store(Protocol):
    """Objects by their s3:// URIs."""

    def open(self, uri: str) -> BinaryIO:
        """The content, to be read and sought in."""

    def open_in_place(self, uri: str) -> BinaryIO:
        """The same without a copy, which may be a request for each read; for who needs little of it."""

    def write(self, folder_uri: str, name: str, content: bytes) -> dict[str, Any]:
        """Put an object whole; answers its name, size_bytes and sha256."""

    def create(self, uri: str) -> Written:
        """Begin an object that is too large to be held in memory."""


def open_store(storage: dict[str, Any], credentials: dict[str, Any] | None) -> Store:
    """The store that `storage` of a job's specification names."""
    if storage["kind"] == "s3":
        return S3Store(storage, credentials)
    return FolderStore(storage["root"])


class FolderStore:
    """s3://bucket/key is root/bucket/key, and nothing outside root.

    Args:
        root: the folder that holds the buckets.
    """

    def __init__(self, root: str) -> None:
        self._root = Path(os.path.realpath(root))

    def path(self, uri: str) -> Path:
        """The file of a URI.

        Raises:
            JobFailure: the URI is not s3://, leads out of the store, or through a symbolic link: one tenant's
                key could otherwise be another tenant's object.
        """
        scheme, _, rest = uri.partition("://")
        if scheme != "s3" or not rest or "\0" in rest:
            raise unreadable(f"'{uri}' is not an s3:// address.")
        path = self._root / rest.lstrip("/")
        resolved = Path(os.path.realpath(path))
        if not resolved.is_relative_to(self._root) or resolved == self._root:
            raise unreadable(f"'{uri}' leads out of the object store.")
        if resolved != path:
            raise unreadable(f"'{uri}' leads through a symbolic link, which no job follows.")
        return path

    def open(self, uri: str) -> BinaryIO:
        """The file of a URI.

        Raises:
            JobFailure: there is none.
        """
        path = self.path(uri)
        if not path.is_file():
            raise unreadable(f"{uri} does not exist.")
        return path.open("rb")

    def open_in_place(self, uri: str) -> BinaryIO:
        """The file of a URI: nothing is nearer."""
        return self.open(uri)

    def write(self, folder_uri: str, name: str, content: bytes) -> dict[str, Any]:
        """Put a file whole: under a temporary name first, then renamed.

        Returns:
            name, size_bytes and sha256 of what was written.
        """
        written = self.create(f"{folder_uri}{name}")
        try:
            written.write(content)
            return written.publish()
        finally:
            written.discard()

    def create(self, uri: str) -> Written:
        """Begin a file under a temporary name beside its own."""
        path = self.path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _WrittenFile(path)


class _WrittenFile(DigestedFile):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.partial"
        super().__init__(self._temporary.open("xb"), path.name)

    def publish(self) -> dict[str, Any]:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        return self.description()

    def discard(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)
