"""Writes customers who churn by the season they joined in, with dates in several spellings, into a folder."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def main(folder: Path) -> None:
    random = np.random.default_rng(3)
    joined = pd.Timestamp("2022-01-01") + pd.to_timedelta(
        random.integers(0, 3 * 365 * 24 * 60, 500), unit="min"
    )
    frame = pd.DataFrame({"orders": random.integers(0, 40, 500), "joined": joined})
    score = 2.5 * (frame.joined.dt.month > 6) - 0.05 * frame.orders
    frame["churned"] = np.where(random.random(500) < 1 / (1 + np.exp(-score)), "yes", "no")
    frame.loc[random.random(500) < 0.05, "joined"] = None
    frame.to_parquet(folder / "dated.parquet")
    pd.concat([frame] * 41).to_parquet(folder / "long.parquet", index=False)
    frame.assign(joined=frame.joined.dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(
        folder / "dated.csv", index=False
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
