"""A stand-in for the trainer's warm parent that speaks its protocol; for the unit specs of libs/compute only.

A job is a list of steps: what to write, how long to wait, how to end. It runs in a process group of its own.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

JOB = """
import json, os, signal, sys, time
parent = os.getppid()
for step in json.loads(sys.argv[1]):
    if "write" in step:
        os.write(1, step["write"].encode("utf-8", "surrogateescape"))
    elif "flood" in step:
        for _ in range(step["flood"]):
            os.write(1, b"x" * 1048576)
    elif "sleep" in step:
        end = time.monotonic() + step["sleep"]
        while time.monotonic() < end and os.getppid() == parent:
            time.sleep(0.01)
    elif "listen" in step:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    elif "await_signal" in step:
        signal.sigwait([signal.SIGUSR1])
    elif "write_pid" in step:
        open(step["write_pid"], "w").write(str(os.getpid()))
    elif "environment" in step:
        open(step["environment"], "w").write(json.dumps(dict(os.environ)))
    elif "say" in step:
        print(step["say"], file=sys.stderr, flush=True)
    elif "kill" in step:
        os.kill(os.getpid(), step["kill"])
    elif "kill_parent" in step:
        os.kill(parent, 9)
    elif "exit" in step:
        os._exit(step["exit"])
"""

jobs: set[int] = set()


def serve(connection: socket.socket) -> None:
    spec = json.loads(connection.makefile("rb").readline())
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, json.dumps(spec["steps"])],
        stdout=connection.fileno(),
        start_new_session=True,
    )
    jobs.add(job.pid)
    threading.Thread(target=listen, args=(connection, job.pid), daemon=True).start()
    _, status, usage = os.wait4(job.pid, 0)
    jobs.discard(job.pid)
    code = os.waitstatus_to_exitcode(status)
    ended = {
        "type": "exited",
        "exit_code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "max_rss_bytes": spec.get("max_rss_bytes", usage.ru_maxrss * 1024),
        "memory_ran_out": spec.get("memory_ran_out", False),
    }
    try:
        connection.sendall(json.dumps(ended).encode() + b"\n")
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def listen(connection: socket.socket, pid: int) -> None:
    """Asks the job to give way where the client does, and kills it where the client is gone."""
    with contextlib.suppress(OSError):
        while line := connection.recv(100):
            assert line == b'{"type": "give_way"}\n'
            os.kill(pid, signal.SIGUSR1)
    kill(pid)


def kill(pid: int) -> None:
    if pid in jobs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def end_with_stdin() -> None:
    sys.stdin.buffer.read()
    for pid in list(jobs):
        kill(pid)
    os._exit(0)


listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("--socket") + 1])
listener.listen(64)
threading.Thread(target=end_with_stdin, daemon=True).start()
time.sleep(0.01)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
