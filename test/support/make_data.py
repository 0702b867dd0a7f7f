"""Writes the data sets of the end-to-end tests into a folder: seeded, every run sees the same rows."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Customers in numbers, who churn with a probability to be learnt; the columns of the API document."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "total_orders": random.integers(0, 60, rows),
            "days_since_last_order": random.integers(0, 365, rows),
            "avg_order_value": random.gamma(4, 30, rows).round(2),
            "support_tickets": random.integers(0, 12, rows),
        }
    )
    score = 0.02 * frame.days_since_last_order + 0.4 * frame.support_tickets - 0.1 * frame.total_orders - 2
    frame["churned"] = (random.random(rows) < 1 / (1 + np.exp(-score))).astype(int)
    return frame


def subscribers(rows: int, seed: int) -> pd.DataFrame:
    """Mixed columns with missing values, text categories, booleans and a text label."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "tenure months": random.integers(0, 72, rows),
            "monthly_charges": random.normal(65, 30, rows).round(2),
            "contract": random.choice(["month-to-month", "one year", "two years"], rows, p=[0.6, 0.25, 0.15]),
            "zahlungsart": random.choice(["Überweisung", "Kreditkarte", "電子マネー"], rows),
            "paperless": random.random(rows) < 0.6,
        }
    )
    score = (
        1.2 * (frame.contract == "month-to-month")
        - 0.05 * frame["tenure months"]
        + 0.01 * frame.monthly_charges
    )
    frame["churn"] = np.where(random.random(rows) < 1 / (1 + np.exp(-score)), "yes", "no")
    frame.loc[random.random(rows) < 0.05, "monthly_charges"] = np.nan
    frame.loc[random.random(rows) < 0.05, "contract"] = None
    return frame


def main(folder: Path) -> None:
    customers(600, 1).to_parquet(folder / "train.parquet")
    customers(200, 2).to_parquet(folder / "val.parquet")
    customers(30_000, 3).to_parquet(folder / "large.parquet")
    one_class = customers(100, 4)
    one_class["churned"] = 0
    one_class.to_parquet(folder / "one_class.parquet")
    customers(5, 5).to_parquet(folder / "tiny.parquet")
    subscribers(800, 6).to_csv(folder / "subscribers.csv", index=False)
    subscribers(300, 7).to_json(folder / "holdout.jsonl", orient="records", lines=True, force_ascii=False)
    nul = customers(50, 10)
    nul["plan"] = ["a\0b", "c"] * 25
    nul.to_parquet(folder / "nul.parquet")
    customers(50, 11).rename(columns={"total_orders": "total\0orders"}).to_parquet(
        folder / "nul_name.parquet"
    )
    spend = customers(400, 8).drop(columns="churned")
    spend["yearly_spend"] = spend.total_orders * spend.avg_order_value
    spend.to_json(folder / "spend.jsonl", orient="records", lines=True)
    tiers = customers(500, 9)
    tiers["tier"] = pd.cut(tiers.total_orders, [-1, 20, 40, 100], labels=["bronze", "silver", "gold"]).astype(
        str
    )
    tiers.drop(columns="churned").to_parquet(folder / "tiers.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
