"""Trains every estimator on data sets that come with Python packages, and counts what is not alike.

A model must pass the trainer's gate, and a batch, single rows and the pipeline in Python must answer every
row of its data set alike. Each is trained with several seeds, so that other rows are held out and asked.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import sys
import tarfile
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "trainer" / "src"), str(ROOT / "trainer" / "tests")]

from modelplane_trainer.environment import quiet_libraries  # noqa: E402

quiet_libraries()

import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
from agreement import Agreement  # noqa: E402
from cases import ESTIMATORS, Store  # noqa: E402
from sklearn import datasets  # noqa: E402

from modelplane_trainer.failures import JobFailure  # noqa: E402

ALIKE, OTHER_TARGET = "alike", "for another kind of target"
FEWER_TREES = ("gradient_boosting", "random_forest", "extra_trees", "xgboost", "lightgbm")
# Targets of scikit-learn's own data sets.
SKLEARN = dict.fromkeys(("breast_cancer", "diabetes", "digits", "iris", "wine"), "target") | {
    "linnerud": "Chins"
}
# Targets of pydataset's tables; its own catalogue does not name any.
PYDATASET = {
    "acme": "acme",
    "airquality": "Ozone",
    "Anscombe": "education",
    "attitude": "rating",
    "bioChemists": "art",
    "Boston": "medv",
    "birthwt": "low",
    "cars": "dist",
    "ChickWeight": "weight",
    "CO2": "uptake",
    "crabs": "sp",
    "Duncan": "type",
    "esoph": "ncases",
    "faithful": "eruptions",
    "Fair": "nbaffairs",
    "Hitters": "Errors",
    "infert": "case",
    "iris": "Species",
    "Melanoma": "status",
    "mtcars": "am",
    "Mroz": "work",
    "Pima.tr": "type",
    "PlantGrowth": "group",
    "Prestige": "type",
    "quakes": "mag",
    "rock": "perm",
    "SLID": "wages",
    "swiss": "Fertility",
    "Titanic": "Survived",
    "ToothGrowth": "supp",
    "trees": "Volume",
    "turnout": "vote",
    "Vocab": "vocabulary",
    "warpbreaks": "tension",
    "Wages1": "wage",
    "women": "weight",
}
STATSMODELS = {
    "anes96": "vote",
    "cancer": "cancer",
    "ccard": "AVGEXP",
    "committee": "BILLS104",
    "copper": "WORLDCONSUMPTION",
    "engel": "foodexp",
    "fair": "affairs",
    "grunfeld": "invest",
    "heart": "survival",
    "longley": "TOTEMP",
    "macrodata": "realgdp",
    "modechoice": "choice",
    "randhie": "mdvis",
    "scotland": "YES",
    "spector": "GRADE",
    "star98": "NABOVE",
    "statecrime": "murder",
    "stackloss": "STACKLOSS",
    "strikes": "duration",
    "sunspots": "SUNACTIVITY",
}


def tables() -> dict[str, tuple[pd.DataFrame, str]]:
    """Data frames by name, with the column to predict."""
    found = {}
    for name, target in SKLEARN.items():
        found[f"sklearn {name}"] = (getattr(datasets, f"load_{name}")(as_frame=True).frame, target)
    for name, target in STATSMODELS.items():
        module = importlib.import_module(f"statsmodels.datasets.{name}")
        found[f"statsmodels {name}"] = (module.load_pandas().data, target)
    return found | pydataset()


def pydataset() -> dict[str, tuple[pd.DataFrame, str]]:
    """Its own functions unpack all of its files into the user's home."""
    archives = (Path(place) / "pydataset" / "resources.tar.gz" for place in sys.path)
    found = {}
    with tarfile.open(next(archive for archive in archives if archive.exists())) as tar:
        for member in tar.getmembers():
            name = Path(member.name).stem
            if member.name.endswith(".csv") and name in PYDATASET:
                frame = pd.read_csv(io.BytesIO(tar.extractfile(member).read()), index_col=0)
                found[f"pydataset {name}"] = (frame, PYDATASET[name])
    return found


def outcome_of(
    frame: pd.DataFrame, target: str, framework: str, estimator: str, seed: int
) -> tuple[str, str]:
    """How a training and the answers of its model ended: a word, and what there is to say about it."""
    settings = {"n_estimators": 30} if estimator in FEWER_TREES else {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        files = store.parquet(pa.Table.from_pandas(frame, preserve_index=False))
        try:
            Agreement(store, files, target, framework=framework, estimator=estimator, seed=seed,
                      hyperparameters=settings).check()  # fmt: skip
        except JobFailure as failure:
            is_other = "choose another estimator" in failure.message
            return (OTHER_TARGET, "") if is_other else (failure.code, failure.message)
        except AssertionError as error:
            return "ANSWERS_DIFFER", traceback.extract_tb(error.__traceback__)[-1].line
    return ALIKE, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a data set's name")
    parser.add_argument("--estimators", default="", help="some of them, with commas between")
    arguments = parser.parse_args()
    estimators = [
        pair for pair in ESTIMATORS if not arguments.estimators or pair[1] in arguments.estimators.split(",")
    ]
    outcomes: dict[str, Counter[str]] = {estimator: Counter() for _, estimator in estimators}
    unfit: dict[tuple[str, str], set[str]] = {}
    begun, sets, failed = time.monotonic(), 0, 0
    for name, (frame, target) in tables().items():
        if arguments.only not in name:
            continue
        sets += 1
        frame = frame.dropna(subset=[target])
        for framework, estimator in estimators:
            for seed in range(arguments.seeds):
                outcome, message = outcome_of(frame, target, framework, estimator, seed)
                outcomes[estimator][outcome] += 1
                if outcome == "DATA_UNFIT":
                    unfit.setdefault((name, message), set()).add(estimator)
                elif outcome not in (ALIKE, OTHER_TARGET):
                    failed += 1
                    print(f"{name}, {estimator}, seed {seed}: {outcome} {message}", flush=True)
    for (name, message), by in unfit.items():
        print(f"{name} is unfit for {len(by)} of {len(estimators)} estimators: {message}")
    for estimator, counted in outcomes.items():
        print(f"{estimator}: {', '.join(f'{count} {outcome}' for outcome, count in counted.items())}")
    print(json.dumps({"data_sets": sets, "failed": failed, "seconds": round(time.monotonic() - begun)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
