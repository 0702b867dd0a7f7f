"""Trains one model a case, writes its graphs, signature and rows; `core.spec.ts` compares the answers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3] / "trainer" / "tests")]
