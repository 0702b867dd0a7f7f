"""Writes the values of entities to Redis, in long pipelines of one script."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Self

import numpy as np
import pyarrow as pa
import redis
from redis.backoff import NoBackoff
from redis.connection import ConnectionInterface
from redis.retry import Retry

from .. import contracts
from ..failures import ONLINE_STORE_UNAVAILABLE, JobFailure

_SCRIPT = "feature-write.v1.lua"
_TIMEOUT_SECONDS = 30
_DURABLE_WITHIN_MS = 10_000
_AWAY_SECONDS = 60
_PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2)
_MOST_BROKEN = 10
# What passes: the server restarts, has lost the script, or another one takes its place.
_PASSING = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.NoScriptError,
    redis.exceptions.ReadOnlyError,
)

Warn = Callable[[str], None]
# Batches of one column: commands of the protocol, one a row.
Commands = Callable[[], AbstractContextManager[pa.RecordBatchReader]]


@dataclass
class Written:
    """Entities by what became of them: new, put in the place of an older value, or a newer one stayed."""

    written: int = 0
    replaced: int = 0
    kept_newer: int = 0

    @property
    def total(self) -> int:
        return self.written + self.replaced + self.kept_newer


class OnlineStore:
    """
    Args:
        url: redis:// or rediss://, with a password where the server wants one.
        warn: told once when values will not outlive the server.
    """

    def __init__(self, url: str, warn: Warn) -> None:
        self._warn, self._warned = warn, False
        text = (contracts.folder() / _SCRIPT).read_bytes()
        self._script, self.sha = text, hashlib.sha1(text, usedforsecurity=False).hexdigest()
        self._client = redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Whoever writes knows from where on to do it again.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def write(self, commands: Commands, told: Callable[[int], None]) -> Written:
        """Write all, until it is durable.

        What a connection that breaks has acknowledged may be lost with the server's process; so all of it is
        written again, which changes nothing where it is there.

        Args:
            commands: gives the commands, from the first one on, each time that it is called.
            told: how many are done.

        Raises:
            JobFailure: the server stays away, or refuses.
        """
        deadline, broken = time.monotonic() + _AWAY_SECONDS, 0
        has_answered = False

        def answered(done: int) -> None:
            nonlocal has_answered
            has_answered = True
            told(done)

        for pause in chain(_PAUSES_SECONDS, repeat(_PAUSES_SECONDS[-1])):
            try:
                with commands() as batches:
                    return self._write(batches, answered)
            except redis.AuthenticationError as error:
                raise _unavailable("it refuses the name or the password") from error
            except _PASSING as error:
                if has_answered:
                    deadline, broken, has_answered = time.monotonic() + _AWAY_SECONDS, broken + 1, False
                if time.monotonic() > deadline or broken > _MOST_BROKEN:
                    raise _unavailable("it does not answer, or breaks off") from error
                time.sleep(pause)
            except redis.exceptions.OutOfMemoryError as error:
                raise _unavailable("its memory is full") from error
            except redis.ResponseError as error:
                raise _unavailable(f"it answers: {str(error)[:200]}") from error
        raise AssertionError  # the pauses never end

    def bytes_of(self, keys: Sequence[str]) -> float | None:
        """What a key takes on average; None where the server does not tell."""
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.memory_usage(key)
                found = [each for each in pipeline.execute() if each is not None]
        except redis.RedisError:
            return None
        return sum(found) / len(found) if found else None

    def _write(self, batches: pa.RecordBatchReader, told: Callable[[int], None]) -> Written:
        counts = Written()
        pool = self._client.connection_pool
        connection = pool.get_connection()
        try:
            _ask(connection, "SCRIPT", "LOAD", self._script)
            unanswered = 0
            for batch in batches:
                connection.send_packed_command([_text_of(batch.column(0))])
                # While the server works on these, the answers to those before are read and the next are made.
                _read_answers(connection, unanswered, counts)
                unanswered = len(batch)
                told(counts.total)
            _read_answers(connection, unanswered, counts)
            told(counts.total)
            if counts.total:
                self._wait(connection)
        except BaseException:
            # Answers to what was sent may still come.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)
        return counts

    def _wait(self, connection: ConnectionInterface) -> None:
        """Until the server has written to its disk what this connection has sent."""
        deadline = time.monotonic() + _AWAY_SECONDS
        while True:
            try:
                local, _ = _ask(connection, "WAITAOF", 1, 0, _DURABLE_WITHIN_MS)
            except redis.ResponseError:
                if not self._warned:
                    self._warned = True
                    self._warn(
                        "The online store keeps no append-only file (or is older than Redis 7.2): what was "
                        "written is lost if it restarts, until the next run."
                    )
                return
            if local:
                return
            if time.monotonic() > deadline:
                raise _unavailable(f"it has not written to its disk for {_AWAY_SECONDS} s")


def _ask(connection: ConnectionInterface, *command: Any) -> Any:
    connection.send_command(*command)
    return connection.read_response()


def _read_answers(connection: ConnectionInterface, count: int, counts: Written) -> None:
    for _ in range(count):
        answer = connection.read_response()
        counts.written += answer == 2
        counts.replaced += answer == 1
        counts.kept_newer += answer == 0


def _text_of(column: pa.Array) -> memoryview:
    """The texts one behind the other, as they lie in memory."""
    _, offsets, data = column.buffers()
    first, last = np.frombuffer(offsets, np.int64)[[column.offset, column.offset + len(column)]]
    return memoryview(data)[first:last]


def _unavailable(why: str) -> JobFailure:
    return JobFailure(ONLINE_STORE_UNAVAILABLE, f"The online store cannot be written to: {why}.")
