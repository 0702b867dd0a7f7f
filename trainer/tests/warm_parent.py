"""A warm parent in a process of its own, and what becomes of processes."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from cases import TRAINER

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(TRAINER / "src"),
    "DATABASE_URL": "postgres://secret",
    "SECRET": "x",
}


class Server:
    def __init__(self, folder: Path) -> None:
        self.socket = folder / "run" / "fork.sock"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelplane_trainer", "forkserver", "--socket", str(self.socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        assert self.process.stdout.readline() == b"ready\n"
        self.log: list[bytes] = []
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def connect(self, request: bytes | dict) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(self.socket))
        client.sendall(request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
        return client

    def run(self, request: bytes | dict) -> list[dict]:
        with self.connect(request) as client, client.makefile(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)


def eventually(condition, seconds=5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    """Ended, or only waiting to be reaped by someone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
