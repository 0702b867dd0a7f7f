"""How a job learns what is secret without its standing in its specification.

That is an object: `storage`, the keys of an object store, where it wants any; and of a materialization
`redis_url`, which may hold a password.
"""

from __future__ import annotations

import json
import os
from typing import Any

WANTED = b'{"type": "credentials_wanted"}\n'
_BLOCK = 4096


def are_wanted(spec: dict[str, Any]) -> bool:
    """Whether a job with this specification, which is not checked yet, will ask."""
    storage = spec.get("storage")
    is_s3 = isinstance(storage, dict) and storage.get("kind") == "s3"
    return is_s3 or spec.get("kind") == "materialization"


def ask(connection: int) -> dict[str, Any]:
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


def from_environment() -> dict[str, Any]:
    """For a process of its own: what every tool for S3 and for Redis reads."""
    keys = None
    if "AWS_ACCESS_KEY_ID" in os.environ:
        keys = {
            "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
            "secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
            "session_token": os.environ.get("AWS_SESSION_TOKEN"),
        }
    return {"storage": keys, "redis_url": os.environ.get("REDIS_URL")}
