"""How a job learns that it should end at the next border of its work, so that another tenant's can begin."""

from __future__ import annotations

import signal
from typing import Any

# Sent by the forkserver to the job's own process and to none that it has started.
SIGNAL = signal.SIGUSR1

_asked = False


class GaveWay(Exception):
    """Ends an attempt at a border of its work: the next one goes on behind what is finished."""


def listen() -> None:
    """Take note of the signal from now on."""
    signal.signal(SIGNAL, _note)
    # What native libraries do meanwhile goes on as if nothing had come.
    signal.siginterrupt(SIGNAL, False)


def is_asked() -> bool:
    return _asked


def _note(*_: Any) -> None:
    global _asked
    _asked = True
