"""The object store on a server that speaks S3, by pyarrow's client."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from .digested_file import DigestedFile
from .failures import OBJECT_STORE_UNAVAILABLE, JobFailure, unreadable

_BLOCK = 8 << 20
_ATTEMPTS = 3


class S3Store:
    """Reads and writes s3:// URIs on a server.

    Args:
        storage: `storage` of the job's specification, of the kind `s3`.
        credentials: access_key_id, secret_access_key and session_token; None: what the machine has.
    """

    def __init__(self, storage: dict[str, Any], credentials: dict[str, Any] | None) -> None:
        # Not at the top: a process that forks must not own the threads that this starts.
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        if credentials:
            # Else the library asks a machine that may not be of AWS for its role, and waits.
            os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        keys = credentials or {}
        endpoint = urlsplit(storage["endpoint"] or "")
        self._prefix = storage["bucket_prefix"]
        self._files = S3FileSystem(
            access_key=keys.get("access_key_id"),
            secret_key=keys.get("secret_access_key"),
            session_token=keys.get("session_token"),
            region=storage["region"],
            scheme=endpoint.scheme or "https",
            endpoint_override=endpoint.netloc or None,
            force_virtual_addressing=bool(endpoint.netloc) and not storage["force_path_style"],
            background_writes=False,
            connect_timeout=storage["timeout_seconds"],
            request_timeout=storage["timeout_seconds"],
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        )

    def open(self, uri: str) -> BinaryIO:
        """A copy of the object in a file without a name, which is gone with the process.

        The readers go over a file more than once and in small steps, which on a server would be
        a request each.

        Raises:
            JobFailure: the object does not exist or the server does not give it.
        """
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        try:
            with self._files.open_input_stream(self._path(uri)) as content:
                shutil.copyfileobj(content, copy, _BLOCK)
        except FileNotFoundError as error:
            raise unreadable(f"{uri} does not exist.") from error
        except OSError as error:
            raise _unread(uri) from error
        copy.seek(0)
        return copy

    def open_in_place(self, uri: str) -> BinaryIO:
        """The object on its server: each read is a request.

        Raises:
            JobFailure: the object does not exist or the server does not give it.
        """
        try:
            return self._files.open_input_file(self._path(uri))
        except FileNotFoundError as error:
            raise unreadable(f"{uri} does not exist.") from error
        except OSError as error:
            raise _unread(uri) from error

    def write(self, folder_uri: str, name: str, content: bytes) -> dict[str, Any]:
        """Put an object whole.

        Returns:
            name, size_bytes and sha256 of what was written.
        """
        try:
            with self._files.open_output_stream(self._path(folder_uri) + name) as stream:
                stream.write(content)
        except OSError as error:
            raise _unavailable(f"{name} could not be written to the object store; try again.") from error
        return {"name": name, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def create(self, uri: str) -> _WrittenObject:
        """Begin an object as a file without a name, which goes to the server whole."""
        return _WrittenObject(self, uri)

    def upload(self, uri: str, content: BinaryIO) -> None:
        """Put what a file holds from its place on."""
        try:
            with self._files.open_output_stream(self._path(uri)) as stream:
                shutil.copyfileobj(content, stream, _BLOCK)
        except OSError as error:
            raise _unavailable(f"{uri} could not be written to the object store; try again.") from error

    def _path(self, uri: str) -> str:
        scheme, _, rest = uri.partition("://")
        if scheme != "s3" or not rest:
            raise unreadable(f"'{uri}' is not an s3:// address.")
        return self._prefix + rest


def _unread(uri: str) -> JobFailure:
    return _unavailable(f"{uri} could not be read from the object store; try again.")


class _WrittenObject(DigestedFile):
    """A stream to the server would, when it is closed on the way out of a fault, publish what it has."""

    def __init__(self, store: S3Store, uri: str) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by publish or discard
        super().__init__(file, uri.rsplit("/", 1)[-1])
        self._store, self._uri = store, uri

    def publish(self) -> dict[str, Any]:
        self._file.seek(0)
        self._store.upload(self._uri, self._file)
        self._file.close()
        return self.description()

    def discard(self) -> None:
        self._file.close()


def _unavailable(message: str) -> JobFailure:
    return JobFailure(OBJECT_STORE_UNAVAILABLE, message)
