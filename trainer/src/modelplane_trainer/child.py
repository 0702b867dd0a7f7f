"""What a forked process does before and after its job."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any, NoReturn

from . import credentials, giving_way
from .job import run_job
from .parent_death import die_with_parent


def become_job(
    spec: dict[str, Any], descriptor: int, parent: int, close: list[int], handover: int | None
) -> NoReturn:
    """Leave the parent's descriptors and signals behind, run the job, end the process.

    Args:
        spec: the job's specification.
        descriptor: the connection that events are written to.
        parent: the process that forked this one.
        close: descriptors of other jobs and of the server.
        handover: closed once nothing more will be read from the connection; None: nothing will.
    """
    code = 70
    try:
        os.setsid()
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        giving_way.listen()
        for other in close:
            with contextlib.suppress(OSError):
                os.close(other)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        keys = None
        if handover is not None:
            keys = credentials.ask(descriptor)
            os.close(handover)
        code = run_job(spec, descriptor, keys)
    except BrokenPipeError:
        pass
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # Not sys.exit: the parent's exit handlers and unwinding are not this process's to run.
        os._exit(code)
