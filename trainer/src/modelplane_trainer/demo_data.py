"""A real data set that scikit-learn brings along: the Wisconsin breast cancer data (UCI, 1995)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from .events import plain, write_line

TARGET = "benign"
_SEED = 20


def write_demo_data(out: Path, holdout: int, holdout_out: Path | None) -> None:
    """Write 569 rows of 30 measurements and the target `benign` (0 or 1) as Parquet.

    Args:
        out: the Parquet file.
        holdout: rows to leave out of it, classes in proportion; needs `holdout_out`.
        holdout_out: JSON lines of the rows left out, with the target.
    """
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": TARGET})
    frame.columns = [name.replace(" ", "_") for name in frame.columns]
    if holdout:
        if holdout_out is None:
            raise SystemExit("--holdout needs --holdout-out")
        frame, held = train_test_split(frame, test_size=holdout, random_state=_SEED, stratify=frame[TARGET])
        holdout_out.parent.mkdir(parents=True, exist_ok=True)
        with holdout_out.open("wb") as file:
            for row in held.to_dict("records"):
                write_line(file.fileno(), plain(row))
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), out)
