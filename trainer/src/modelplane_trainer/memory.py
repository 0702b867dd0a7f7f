"""A job's memory limit."""

from __future__ import annotations

import resource
from pathlib import Path


def limit_memory(allowed_bytes: int) -> None:
    """Let this process allocate at most so many bytes beyond what it holds now.

    RLIMIT_DATA counts private writable memory, which is what a job allocates; RLIMIT_AS would
    also count the libraries' mapped files and reserved address space, gigabytes of it.
    Where the kernel does not tell the present size (not Linux) the limit holds in total.
    """
    limit = _data_bytes() + allowed_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def left_bytes() -> int | None:
    """What this process may still allocate; None where nothing limits it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if limit == resource.RLIM_INFINITY else max(0, limit - _data_bytes())


def unlimit_memory() -> None:
    """Lift the limit, so that the failure itself can be told."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def ran_out_of_memory(error: BaseException) -> bool:
    """Native libraries wrap std::bad_alloc in errors of their own."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(
        sign in text for sign in ("bad_alloc", "bad allocation", "out of memory", "cannot allocate memory")
    )


def kills_for_memory() -> int:
    """How many processes of this machine the kernel has killed for want of memory; 0 if unknown."""
    try:
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _data_bytes() -> int:
    """Private writable memory of this process (VmData of /proc/self/status), in bytes; 0 if unknown."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
