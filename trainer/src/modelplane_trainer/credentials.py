"""How a job learns the keys of an object store without their standing in its specification."""

from __future__ import annotations

import json
import os
from typing import Any

WANTED = b'{"type": "credentials_wanted"}\n'
_BLOCK = 4096


def are_wanted(spec: dict[str, Any]) -> bool:
    """Whether a job with this specification, which is not checked yet, will ask."""
    storage = spec.get("storage")
    return isinstance(storage, dict) and storage.get("kind") == "s3"


def ask(connection: int) -> dict[str, Any] | None:
    """Ask whoever started the job, on the connection that its events go to, and wait for the line.

    Raises:
        BrokenPipeError: the other side has hung up.
    """
    os.write(connection, WANTED)
    line = b""
    while not line.endswith(b"\n"):
        block = os.read(connection, _BLOCK)
        if not block:
            raise BrokenPipeError
        line += block
    return json.loads(line)


def from_environment() -> dict[str, Any] | None:
    """For a process of its own: what every S3 tool reads; None lets the library look for itself."""
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        return None
    return {
        "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        "session_token": os.environ.get("AWS_SESSION_TOKEN"),
    }
