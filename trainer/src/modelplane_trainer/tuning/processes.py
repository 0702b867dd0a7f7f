"""Trials as forked processes, which share what their parent has read and cannot harm one another."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..events import plain
from ..failures import JobFailure
from ..giving_way import SIGNAL
from ..memory import kills_for_memory, left_bytes, limit_memory, ran_out_of_memory, unlimit_memory
from ..parent_death import die_with_parent
from .trial import FAILED

_BLOCK = 1 << 16


@dataclass
class Process:
    """A trial that runs.

    Attributes:
        number: of the trial.
        pid: the process, which is the parent's own child.
        answer: read end of the pipe that the process writes what came of the trial to.
        deadline: when it is ended, by the monotonic clock.
        kills_before: processes of the machine that were killed for want of memory before it began.
    """

    number: int
    pid: int
    answer: int
    deadline: float
    kills_before: int
    said: bytearray


class Processes:
    """The trials that run.

    Args:
        slots: how many run at once at most; each may use such a share of the memory that is left to the job.
        timeout_seconds: of a trial; None: without end.
        close: descriptors of the job that are not for its trials.
    """

    def __init__(self, slots: int, timeout_seconds: float | None, close: list[int]) -> None:
        left = left_bytes()
        self._memory = None if left is None else left // slots
        self._timeout = timeout_seconds
        self._close = close
        self._running: dict[int, Process] = {}
        self._selector = selectors.DefaultSelector()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, number: int, work: Callable[[], dict[str, Any]]) -> None:
        """Run a trial in a process of its own.

        Args:
            number: of the trial.
            work: answers the fields of the trial that its end decides.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        parent, kills = os.getpid(), kills_for_memory()
        pid = os.fork()
        if pid == 0:
            self._become_trial(parent, writing, work)
        os.close(writing)
        deadline = time.monotonic() + self._timeout if self._timeout is not None else float("inf")
        process = Process(number, pid, reading, deadline, kills, bytearray())
        self._running[number] = process
        self._selector.register(reading, selectors.EVENT_READ, process)

    def wait(self) -> dict[int, dict[str, Any] | str]:
        """What came of trials that have ended, by number; at least one.

        Returns:
            The fields of a trial, or, where the process died without a word, a sentence why.
        """
        ended: dict[int, dict[str, Any] | str] = {}
        while not ended:
            nearest = min(process.deadline for process in self._running.values())
            timeout = None if nearest == float("inf") else max(0.0, nearest - time.monotonic())
            for key, _ in self._selector.select(timeout):
                block = os.read(key.data.answer, _BLOCK)
                if block:
                    key.data.said += block
                else:
                    ended[key.data.number] = self._outcome(key.data)
            for process in [each for each in self._running.values() if each.deadline <= time.monotonic()]:
                os.kill(process.pid, signal.SIGKILL)
                self._reap(process)
                reason = f"The trial took longer than {self._timeout:g} s, and was ended."
                ended[process.number] = {"state": FAILED, "reason": reason}
        return ended

    def kill(self) -> None:
        """End all of them."""
        for process in list(self._running.values()):
            os.kill(process.pid, signal.SIGKILL)
            self._reap(process)

    def _reap(self, process: Process) -> int:
        """Wait for a process that ends; its exit code, or the number of its signal below 0."""
        del self._running[process.number]
        self._selector.unregister(process.answer)
        os.close(process.answer)
        _, status = os.waitpid(process.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _outcome(self, process: Process) -> dict[str, Any] | str:
        code = self._reap(process)
        if code == 0:
            return json.loads(process.said)
        if code > 0:
            return f"The process of the trial ended with exit code {code}."
        name = signal.Signals(-code).name
        if kills_for_memory() > process.kills_before:
            return f"The process of the trial was ended by {name} while the machine was out of memory."
        return f"The process of the trial was ended by {name}."

    def _become_trial(self, parent: int, writing: int, work: Callable[[], dict[str, Any]]) -> None:
        """In the new process: do the work, tell what came of it, end."""
        code = 70
        try:
            die_with_parent(parent)
            signal.signal(SIGNAL, signal.SIG_IGN)
            others = [process.answer for process in self._running.values()]
            for descriptor in [*self._close, *others, self._selector.fileno()]:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            if self._memory is not None:
                limit_memory(self._memory)
            answer = memoryview(json.dumps(plain(_done(work))).encode())
            while answer:
                answer = answer[os.write(writing, answer) :]
            code = 0
        finally:
            with contextlib.suppress(Exception):
                sys.stderr.flush()
            os._exit(code)


def _done(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What came of a trial, also where it failed; the reason is a sentence, and the trace goes to the log."""
    try:
        return work()
    except JobFailure as failure:
        return {"state": FAILED, "reason": failure.message}
    except Exception as error:
        unlimit_memory()
        if ran_out_of_memory(error):
            return {"state": FAILED, "reason": "The trial needed more memory than a trial may use."}
        print(json.dumps({"trace": traceback.format_exc()[-4000:]}), file=sys.stderr, flush=True)
        reason = (
            f"The trial failed with an unexpected {type(error).__name__}; the worker's log has the details."
        )
        return {"state": FAILED, "reason": reason}
