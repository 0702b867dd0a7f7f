"""The process environment a job runs in. Imports nothing heavy: it must run before the libraries load."""

from __future__ import annotations

import os

# One thread a library and none at rest: a process that forks must not own threads, and
# on busy cores more threads than asked for cost more than they bring.
# - JE_ARROW_MALLOC_CONF: pyarrow's jemalloc starts a background thread at import.
# - ORT_DISABLE_TELEMETRY: onnxruntime starts one at import, and would report to its maker.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "ARROW_IO_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ORT_DISABLE_TELEMETRY": "1",
}

# What a warm parent keeps of the environment it was started with.
KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "VIRTUAL_ENV")


def quiet_libraries() -> None:
    """Set the variables that keep libraries from starting threads; call before importing them."""
    os.environ.update(QUIET)


def scrubbed() -> dict[str, str]:
    """The environment of a warm parent: what it needs to run, and no secret."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | QUIET
