"""A warm parent: loads the libraries once, then forks a process per job.

One connection is one job. The client sends one JSON line, the specification; the job's process
writes its event lines to the connection; when it has ended, the parent adds a line
`{"type": "exited", "exit_code": int|null, "signal": int|null, "max_rss_bytes": int, "memory_ran_out": bool}`
and closes.
A client that closes its side ends its job. When the parent's stdin closes, all of it ends.

A job on S3 first asks for credentials with a line of its own and reads the answer itself: the
parent, whose memory every later job inherits, never sees it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import credentials, preload
from .child import become_job
from .failures import INTERNAL_ERROR
from .giving_way import SIGNAL
from .memory import kills_for_memory

GIVE_WAY = b'{"type": "give_way"}'
LONGEST_REQUEST_BYTES = 32 * 1024 * 1024
_BLOCK = 64 * 1024


@dataclass
class Connection:
    """A client and, once its request is whole, the process that works for it."""

    socket: socket.socket
    request: bytearray
    child: int | None = None
    kills_before: int = 0  # for want of memory, of any process of the machine, when the child began
    outgoing: bytes = b""
    closing: bool = False
    handover: int | None = None  # readable once the process no longer reads from the socket


class Forkserver:
    """Accepts requests in one thread; jobs run in processes of their own.

    Args:
        listener: a listening Unix socket.
        stdin: descriptor whose end of file ends the server.
    """

    def __init__(self, listener: socket.socket, stdin: int) -> None:
        self._listener = listener
        self._stdin = stdin
        self._connections: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._running = True

    def serve(self) -> None:
        """Serve until stdin ends or SIGTERM comes, then end every job."""
        wakeup, wakeup_write = os.pipe()
        for descriptor in (wakeup, wakeup_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        # Ctrl-C reaches the whole terminal group; the worker decides when its forkserver ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(wakeup, selectors.EVENT_READ, lambda: self._reap(wakeup))
        self._selector.register(self._stdin, selectors.EVENT_READ, self._read_stdin)
        try:
            while self._running:
                for key, ready in self._selector.select():
                    if isinstance(key.data, Connection):
                        self._attend(key.data, ready)
                    else:
                        key.data()
        finally:
            for connection in self._connections.values():
                self._kill(connection)

    def _stop(self, *_: Any) -> None:
        self._running = False

    def _read_stdin(self) -> None:
        if not os.read(self._stdin, _BLOCK):
            self._running = False

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        connection = Connection(client, bytearray())
        self._connections[client.fileno()] = connection
        self._selector.register(client, selectors.EVENT_READ, connection)

    def _attend(self, connection: Connection, ready: int) -> None:
        if ready & selectors.EVENT_WRITE:
            self._flush(connection)
        if ready & selectors.EVENT_READ and connection.socket.fileno() >= 0:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        # MSG_DONTWAIT and not a non-blocking socket: the job shares the file description, and
        # its writes must wait for a slow client.
        try:
            block = connection.socket.recv(_BLOCK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if not block:
            self._kill(connection)
            if connection.child is None:
                self._close(connection)
            else:
                self._selector.unregister(connection.socket)
                connection.closing = True
            return
        if connection.closing:
            return
        connection.request += block
        if connection.child is not None:
            self._pass_on(connection)
            return
        line, newline, _ = bytes(connection.request).partition(b"\n") if b"\n" in block else (b"", b"", b"")
        if newline and len(line) <= LONGEST_REQUEST_BYTES:
            connection.request.clear()
            self._start(connection, line)
        elif newline or len(connection.request) > LONGEST_REQUEST_BYTES:
            self._refuse(connection, {}, f"a request must end within {LONGEST_REQUEST_BYTES} bytes")

    def _pass_on(self, connection: Connection) -> None:
        """Ask the job to give way where the client has; it says nothing else to one that runs."""
        *lines, rest = bytes(connection.request).split(b"\n")
        # Cut to one byte more than a line that counts has: it is told from one, and cannot grow.
        connection.request = bytearray(rest[: len(GIVE_WAY) + 1])
        if GIVE_WAY in lines:
            os.kill(connection.child, SIGNAL)

    def _start(self, connection: Connection, line: bytes) -> None:
        try:
            spec = json.loads(line)
        except (ValueError, RecursionError):
            return self._refuse(connection, {}, "a request must be one line of JSON")
        if not isinstance(spec, dict):
            return self._refuse(connection, {}, "a request must be a JSON object")
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        handover, release = os.pipe() if credentials.are_wanted(spec) else (None, None)
        try:
            child = os.fork()
        except OSError as error:
            for end in (handover, release):
                if end is not None:
                    os.close(end)
            return self._refuse(connection, spec, f"no process could be started ({error.strerror})")
        if child == 0:
            own = connection.socket.fileno()
            others = [fileno for fileno in self._connections if fileno != own]
            close = [*others, self._listener.fileno()]
            become_job(spec, own, parent=parent, close=close, handover=release)
        connection.child, connection.kills_before = child, kills_for_memory()
        if handover is not None:
            os.close(release)
            connection.handover = handover
            # What comes now is for the job alone; that it hangs up, the job notices.
            self._selector.unregister(connection.socket)
            self._selector.register(handover, selectors.EVENT_READ, lambda: self._take_back(connection))
        return None

    def _take_back(self, connection: Connection) -> None:
        if connection.handover is None:
            return
        self._selector.unregister(connection.handover)
        os.close(connection.handover)
        connection.handover = None
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _refuse(self, connection: Connection, spec: dict[str, Any], reason: str) -> None:
        event = {
            "type": "failed",
            "job_id": str(spec.get("job_id", "")),
            "attempt": spec.get("attempt", 1),
            "seq": 1,
            "code": INTERNAL_ERROR,
            "message": f"The training process did not start: {reason}.",
        }
        self._finish(connection, event)

    def _reap(self, wakeup: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(wakeup, _BLOCK):
                pass
        for connection in list(self._connections.values()):
            if connection.child is None:
                continue
            pid, status, usage = os.wait4(connection.child, os.WNOHANG)
            if pid == 0:
                continue
            # What the job itself has started must not outlive it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            connection.child = None
            self._take_back(connection)
            # Linux counts kilobytes, macOS bytes.
            rss = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            ended = os.waitstatus_to_exitcode(status)
            exited = {
                "type": "exited",
                "exit_code": ended if ended >= 0 else None,
                "signal": -ended if ended < 0 else None,
                "max_rss_bytes": rss,
                "memory_ran_out": kills_for_memory() > connection.kills_before,
            }
            if connection.closing:
                self._close(connection)
            else:
                self._finish(connection, exited)

    def _finish(self, connection: Connection, last: dict[str, Any]) -> None:
        connection.closing = True
        connection.outgoing = json.dumps(last).encode() + b"\n"
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        try:
            sent = connection.socket.send(connection.outgoing, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._close(connection)
        connection.outgoing = connection.outgoing[sent:]
        if connection.outgoing:
            self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
            return None
        return self._close(connection)

    def _kill(self, connection: Connection) -> None:
        if connection.child is None:
            return
        # By group and by process: the child may not yet have a group of its own.
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(connection.child, signal.SIGKILL)

    def _close(self, connection: Connection) -> None:
        fileno = connection.socket.fileno()
        self._connections.pop(fileno, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()


def serve(path: Path) -> int:
    """Load the libraries, listen on a socket that only this user can reach, and serve.

    Prints `ready` to stdout when it listens.
    """
    # Anything a library prints while loading belongs to the log, not before `ready`.
    answers = os.dup(1)
    os.dup2(2, 1)
    preload.warm()
    path = path.absolute()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        _bind(listener, path)
    finally:
        os.umask(previous)
    listener.listen(64)
    os.write(answers, b"ready\n")
    os.close(answers)
    try:
        Forkserver(listener, stdin=0).serve()
    finally:
        path.unlink(missing_ok=True)
    return 0


def _bind(listener: socket.socket, path: Path) -> None:
    """Bind from within the folder: a socket's address holds only about 100 bytes."""
    here = Path.cwd()
    try:
        os.chdir(path.parent)
        listener.bind(path.name)
    finally:
        os.chdir(here)
