"""Train one model a case and write its graphs, its signature and rows; `core.spec.ts` compares the answers."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[3] / "trainer" / "tests")]
