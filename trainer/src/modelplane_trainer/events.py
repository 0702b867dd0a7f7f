"""The JSON lines a job tells its engine; contract job-event.v1."""

from __future__ import annotations

import json
import math
import os
import time
from typing import Any

import numpy as np

PROGRESS_INTERVAL_SECONDS = 0.2


class EventWriter:
    """Writes events as JSON lines to a file descriptor, numbered from 1.

    Args:
        descriptor: where lines go; written whole, unbuffered.
        job_id: copied into each event.
        attempt: copied into each event.
    """

    def __init__(self, descriptor: int, job_id: str, attempt: int) -> None:
        self.descriptor = descriptor
        self._job_id = job_id
        self._attempt = attempt
        self._seq = 0
        self._last_progress = -math.inf
        self._held: dict[str, Any] | None = None
        self.warnings: list[str] = []
        self._phase: tuple[str, float] | None = None
        self._seconds: dict[str, float] = {}
        self._step: dict[str, Any] | None = None
        # The newest progress, which a phase that begins tells again.
        self._shown: dict[str, Any] | None = None

    def started(self, workers: int, gpus: int) -> None:
        self._write("started", workers=workers, gpus=gpus)

    def log(self, message: str, level: str = "info") -> None:
        self._write("log", level=level, message=message)

    def phase(self, name: str, total_epochs: int = 1) -> None:
        """The job turns to something else; the phase before ends, and how long it took is told.

        Args:
            name: the phase that begins.
            total_epochs: most epochs that there will be, where no progress has been told yet.
        """
        self._end_phase()
        self._phase, self._step = (name, time.monotonic()), None
        self._write_progress(self._shown or _nothing_yet(total_epochs))

    def _end_phase(self) -> None:
        self.flush_progress()
        if self._phase is not None:
            ended, begun = self._phase
            self._seconds[ended] = round(time.monotonic() - begun, 3)
            self.log(f"{ended.capitalize()} took {self._seconds[ended]:.1f} s.")

    def step(self, done: int, total: int, of: str) -> None:
        """How far the phase is, such as 340 of 2,000 columns; at most one event per 200 ms."""
        self._step = {"done": done, "total": total, "of": of}
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_INTERVAL_SECONDS:
            self._last_progress = now
            self._write_progress(self._shown or _nothing_yet(1))

    def warning(self, message: str) -> None:
        """Something asked for that has no meaning here, or a fact about the data worth knowing."""
        self.warnings.append(message)
        self._write("warning", message=message)

    def progress(self, **fields: Any) -> None:
        """At most one event per 200 ms; the last one held back is written by `flush_progress`."""
        now = time.monotonic()
        if now - self._last_progress < PROGRESS_INTERVAL_SECONDS:
            self._held = fields
            return
        self._last_progress = now
        self._held = None
        self._write_progress(fields)

    def flush_progress(self) -> None:
        """Write the newest progress if the throttle kept it back."""
        if self._held is not None:
            held, self._held = self._held, None
            self._write_progress(held)

    def _write_progress(self, fields: dict[str, Any]) -> None:
        self._shown = fields
        phase = {}
        if self._phase is not None:
            phase = {
                "phase": self._phase[0],
                "phase_seconds": self._seconds,
                "phase_progress": self._step,
                "processor_seconds": round(time.process_time(), 2),
            }
        self._write("progress", **fields, **phase)

    def trial(self, trial: dict[str, Any]) -> None:
        """A trial of a study has begun or ended."""
        self._write("trial", trial=trial)

    def succeeded(self, result: dict[str, Any]) -> None:
        if self._phase is not None:
            self._end_phase()
            self._write_progress(self._shown or _nothing_yet(1))
        self._write("succeeded", result=result)

    def gave_way(self) -> None:
        self.flush_progress()
        self._write("gave_way")

    def failed(self, code: str, message: str) -> None:
        self._write("failed", code=code, message=message)

    def _write(self, kind: str, **fields: Any) -> None:
        self._seq += 1
        event = {"type": kind, "job_id": self._job_id, "attempt": self._attempt, "seq": self._seq}
        write_line(self.descriptor, event | plain(fields))


def _nothing_yet(total_epochs: int) -> dict[str, Any]:
    unknown = dict.fromkeys(("current_loss", "best_loss", "learning_rate"))
    return {"current_epoch": 0, "total_epochs": max(total_epochs, 1), **unknown, "metrics": {}}


def write_line(descriptor: int, value: dict[str, Any]) -> None:
    """Write one JSON line whole."""
    data = memoryview(
        (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")
    )
    while data:
        data = data[os.write(descriptor, data) :]


def plain(value: Any) -> Any:
    """The same value in JSON's own types: numpy unwrapped, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Quiet:
    """Stands for an EventWriter where what is said of data and settings has been said already."""

    def log(self, _message: str) -> None:
        pass

    def warning(self, _message: str) -> None:
        pass
