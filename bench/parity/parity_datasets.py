"""Trains every estimator on data sets that come with Python packages, and counts what the gate refuses.

Each data set is trained with several seeds, so that other rows are held out and asked.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "trainer" / "src"), str(ROOT / "trainer" / "tests")]

from modelplane_trainer.environment import quiet_libraries  # noqa: E402

quiet_libraries()

from cases import ESTIMATORS, Store  # noqa: E402

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
    "Hitters": "Salary",
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
    from sklearn import datasets

    found = {}
    for name in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        loaded = getattr(datasets, f"load_{name}")(as_frame=True).frame
        found[f"sklearn {name}"] = (loaded, "Chins" if name == "linnerud" else "target")
    with contextlib.suppress(ImportError):
        import importlib

        for name, target in STATSMODELS.items():
            module = importlib.import_module(f"statsmodels.datasets.{name}")
            found[f"statsmodels {name}"] = (module.load_pandas().data, target)
    found |= pydataset()
    return {name: each for name, each in found.items() if each[1] in each[0].columns and len(each[0]) >= 20}


def pydataset() -> dict[str, tuple[pd.DataFrame, str]]:
    archive = next((Path(place) / "pydataset" / "resources.tar.gz" for place in sys.path
                    if (Path(place) / "pydataset" / "resources.tar.gz").exists()), None)  # fmt: skip
    found = {}
    if archive is None:
        return found
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = Path(member.name).stem
            if (
                member.name.endswith(".csv")
                and name in PYDATASET
                and not Path(member.name).name.startswith("._")
            ):
                frame = pd.read_csv(io.BytesIO(tar.extractfile(member).read()), index_col=0)
                found[f"pydataset {name}"] = (frame, PYDATASET[name])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", default="", help="part of a data set's or an estimator's name")
    parser.add_argument("--estimators", default="")
    arguments = parser.parse_args()
    outcomes: dict[str, int] = {}
    refused = []
    begun = time.monotonic()
    for name, (frame, target) in tables().items():
        if arguments.only not in name:
            continue
        for framework, estimator in ESTIMATORS:
            if arguments.estimators and estimator not in arguments.estimators.split(","):
                continue
            for seed in range(arguments.seeds):
                with tempfile.TemporaryDirectory() as folder:
                    store = Store(Path(folder))
                    table = pa.Table.from_pandas(frame, preserve_index=False)
                    settings = (
                        {"n_estimators": 30}
                        if estimator
                        in ("gradient_boosting", "random_forest", "extra_trees", "xgboost", "lightgbm")
                        else {}
                    )
                    spec = store.spec(
                        store.parquet(table),
                        target,
                        framework,
                        estimator,
                        seed=seed,
                        hyperparameters=settings,
                    )
                    last = store.run(spec)[-1]
                code = last.get("code", "succeeded")
                outcomes[code] = outcomes.get(code, 0) + 1
                if code in ("PARITY_FAILED", "INTERNAL_ERROR"):
                    refused.append((name, estimator, seed, last["message"]))
                    print(name, estimator, seed, last["message"], flush=True)
    print(
        json.dumps(
            {"outcomes": outcomes, "refused": len(refused), "seconds": round(time.monotonic() - begun)}
        )
    )
    return 1 if refused else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
