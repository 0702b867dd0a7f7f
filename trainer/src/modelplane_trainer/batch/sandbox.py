"""An uploaded model in a process of its own, which has limits and none of this one's credentials."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np

from .. import confine
from ..failures import JobFailure
from . import sandboxed
from .scoring import GraphFailed

MODEL_FAILED = "MODEL_FAILED"
# As many as one request may ask for: what a model can answer there in time, it can here.
MOST_ROWS = 1000
_LOAD_SECONDS = 60
_MOST_VALUES_A_ROW = 10_000
_LONGEST_HEAD = 1 << 20
# The interpreter with its packages, and the one file of ours that it runs.
_READABLE = [sys.prefix, sys.base_prefix, sandboxed.__file__]
_NUMERIC = ("float32", "float64", "int64", "int32", "bool")


class SandboxedGraph:
    """A graph in another process. Threads take turns.

    Args:
        content: the artifact.
        limits: `limits` of the job's specification.

    Raises:
        JobFailure: the process did not come up with the model.
    """

    def __init__(self, content: bytes, limits: dict[str, Any]) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            confine.command([sys.executable, "-s", sandboxed.__file__], reading=_READABLE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        start = {"memory_bytes": limits["model_memory_bytes"], "parent": os.getpid()}
        head, _ = self._ask(start, [content], _LOAD_SECONDS)
        if head.get("type") != "ready":
            self.close()
            raise JobFailure(MODEL_FAILED, "the uploaded model could not be loaded within its memory.")

    def run(self, feeds: dict[str, np.ndarray], fetches: list[str]) -> dict[str, np.ndarray]:
        """
        Raises:
            GraphFailed: this input makes it fail.
            JobFailure: its process ended or hung, or answered nonsense.
        """
        tensors = [sandboxed.packed(name, np.ascontiguousarray(values)) for name, values in feeds.items()]
        request = {"tensors": [head for head, _ in tensors], "fetches": fetches}
        with self._lock:
            head, buffers = self._ask(
                request, [buffer for _, buffer in tensors], self._limits["model_run_seconds"]
            )
        if head.get("type") == "failed":
            raise GraphFailed
        try:
            return self._outputs(head, buffers, fetches)
        except (KeyError, TypeError, ValueError) as error:
            raise JobFailure(MODEL_FAILED, "the uploaded model's answer could not be read.") from error

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.wait()

    def _outputs(
        self, head: dict[str, Any], buffers: list[bytes], fetches: list[str]
    ) -> dict[str, np.ndarray]:
        heads = head["tensors"]
        if any(each["dtype"] not in (*_NUMERIC, "string") for each in heads):
            raise ValueError("a tensor of another type")
        outputs = dict(sandboxed.unpacked(heads, buffers))
        if list(outputs) != fetches:
            raise ValueError("other tensors than asked for")
        return outputs

    def _ask(
        self, head: dict[str, Any], buffers: list[bytes], seconds: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Ends the process where it does not answer in time: what waits on its pipes then goes on."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, give_up)
        timer.start()
        try:
            sandboxed.send(self._process.stdin, head, buffers)
            return self._answer()
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            why = (
                f"did not answer within {seconds:g} seconds; try a smaller batch_size"
                if late.is_set()
                else "ended its process: it used too much memory, or crashed"
            )
            raise JobFailure(MODEL_FAILED, f"the uploaded model {why}.") from error
        finally:
            timer.cancel()

    def _answer(self) -> tuple[dict[str, Any], list[bytes]]:
        """Not `receive`: what this process says is as little to be trusted as the model."""
        stream = self._process.stdout
        line = stream.readline(_LONGEST_HEAD)
        if not line.endswith(b"\n"):
            raise EOFError
        head = json.loads(line)
        sizes = head["sizes"]
        if sum(sizes) > MOST_ROWS * _MOST_VALUES_A_ROW * 8 or any(size < 0 for size in sizes):
            raise ValueError("an answer of more values than classes that anyone asks for")
        buffers = [stream.read(size) for size in sizes]
        if [len(buffer) for buffer in buffers] != sizes:
            raise EOFError
        return head, buffers
