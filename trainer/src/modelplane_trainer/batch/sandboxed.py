"""The process of one uploaded model: run as a file, so that nothing of ours is loaded but this.

It is told on standard input: one line of limits, the artifact, then requests; it answers on standard output.
A message is a line of JSON that says how many bytes follow.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

_PR_SET_PDEATHSIG = 1


def main() -> None:
    # What a library prints must not stand between answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    start, (content,) = receive(requests)
    confine(start)
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:
        send(answers, {"type": "refused"}, [])
        return
    del content
    send(answers, {"type": "ready"}, [])
    while True:
        try:
            request, buffers = receive(requests)
        except EOFError:
            return
        feeds = dict(unpacked(request["tensors"], buffers))
        try:
            outputs = session.run(request["fetches"], feeds)
            tensors = [packed(name, values) for name, values in zip(request["fetches"], outputs, strict=True)]
        except Exception:
            send(answers, {"type": "failed"}, [])
            continue
        send(
            answers,
            {"type": "answer", "tensors": [head for head, _ in tensors]},
            [buffer for _, buffer in tensors],
        )


def confine(limits: dict[str, Any]) -> None:
    """Memory as said, no file, no core, and an end with the process that started this."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limits["memory_bytes"], limits["memory_bytes"]))
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != limits["parent"]:
            os._exit(70)


def packed(name: str, values: Any) -> tuple[dict[str, Any], bytes]:
    """A tensor as a head and bytes; texts as JSON, for nothing may be unpickled."""
    is_text = values.dtype == object
    buffer = json.dumps(values.reshape(-1).tolist()).encode() if is_text else values.tobytes()
    return {
        "name": name,
        "dtype": "string" if is_text else values.dtype.name,
        "shape": list(values.shape),
    }, buffer


def unpacked(heads: list[dict[str, Any]], buffers: list[bytes]) -> Any:
    """The inverse, one (name, array) after the other.

    Raises:
        ValueError: bytes and shape do not fit each other.
    """
    import numpy as np

    for head, buffer in zip(heads, buffers, strict=True):
        if head["dtype"] == "string":
            values = np.empty(len(texts := json.loads(buffer)), object)
            values[:] = texts
        else:
            values = np.frombuffer(buffer, head["dtype"])
        yield head["name"], values.reshape(head["shape"])


def send(stream: BinaryIO, head: dict[str, Any], buffers: list[bytes]) -> None:
    stream.write(json.dumps({**head, "sizes": [len(buffer) for buffer in buffers]}).encode() + b"\n")
    for buffer in buffers:
        stream.write(buffer)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]]:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    buffers = []
    for size in head["sizes"]:
        buffer = stream.read(size)
        if len(buffer) != size:
            raise EOFError
        buffers.append(buffer)
    return head, buffers


if __name__ == "__main__":
    main()
