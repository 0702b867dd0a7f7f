"""Specifications of studies, and what came of them."""

import copy
import json
import os
import signal
import uuid
from pathlib import Path

import numpy as np
from cases import Store
from warm_parent import Server

SPACE = [
    {"name": "n_estimators", "type": "randint", "min": 5, "max": 30},
    {"name": "max_depth", "type": "choice", "values": [1, 2, 3]},
    {"name": "learning_rate", "type": "loguniform", "min": 0.001, "max": 0.5},
]


def noisy(rows=400, seed=0) -> dict:
    """Six numbers, of which two tell something about a target of two classes and about one of a number."""
    random = np.random.default_rng(seed)
    columns = {f"x{place}": random.normal(size=rows) for place in range(6)}
    score = columns["x0"] * columns["x1"] + 0.5 * columns["x2"] + random.normal(0, 0.7, rows)
    return columns | {"y": (score > 0).astype(int), "price": score}


def study_spec(
    store: Store, column="y", estimator="gradient_boosting", framework="sklearn", **changes
) -> dict:
    """A study of a small boosting; keyword arguments replace fields wherever they are."""
    uri = "s3://data/noisy.parquet"
    train = {"format": "parquet", "uris": [uri]} if store.path(uri).exists() else store.parquet(noisy(), uri)
    left_out = "price" if column == "y" else "y"
    spec = store.spec(train, column, framework, estimator, exclude_columns=[left_out], importance="none")
    spec |= {
        "kind": "tuning",
        "job_id": f"tune-{uuid.uuid4()}",
        "state_uri": "s3://modelplane/jobs/study/",
        "output_uri": "s3://modelplane/jobs/study/attempts/1/",
        "trials_known": 0,
        "search": {
            "space": copy.deepcopy(SPACE),
            "algorithm": "bayesian",
            "pruner": "none",
            "objectives": [{"metric": "val_loss", "mode": "min"}],
            "constraints": [],
            "cv_folds": None,
            "seed": 3,
            "deterministic": True,
            "lag": 4,
            "num_trials": 14,
            "max_concurrent_trials": 2,
            "max_minutes": None,
            "target": None,
            "no_improvement_trials": None,
            "trial_timeout_seconds": None,
            "max_failed_share": 0.5,
            "initial_trials": [],
            "parents": [],
        },
        "finish": {"top_k": 0, "refit_on": "train"},
    }
    for name, value in changes.items():
        parts = (spec, spec["search"], spec["finish"], spec["data"], spec["training"], spec["limits"])
        next(part for part in parts if name in part)[name] = value
    return spec


def trials_of(events: list[dict]) -> list[dict]:
    """Ended trials by number; each is told once as ended."""
    ended = [event["trial"] for event in events if event["type"] == "trial"]
    ended = sorted(
        (trial for trial in ended if trial["state"] != "running"), key=lambda trial: trial["number"]
    )
    assert len({trial["number"] for trial in ended}) == len(ended)
    return ended


def what_decides(trials: list[dict]) -> list[tuple]:
    """Of trials what no clock has a part in."""
    return [
        (each["number"], each["state"], each["parameters"], each["values"], each["steps"]) for each in trials
    ]


class Engine:
    """A study in a process of its own, forked from a warm parent."""

    def __init__(self, server: Server, spec: dict) -> None:
        before = set(server.children())
        self._client = server.connect(spec)
        self._lines = self._client.makefile(encoding="utf-8")
        self.events: list[dict] = []
        self.read(lambda event: event["type"] == "started")
        (self.pid,) = set(server.children()) - before

    def read(self, until) -> None:
        """Read events until one is as asked, or there are no more."""
        for line in self._lines:
            event = json.loads(line)
            if event["type"] != "exited":
                self.events.append(event)
            if until(event):
                return

    def trial_processes(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.read(lambda _: False)
        self._client.close()
