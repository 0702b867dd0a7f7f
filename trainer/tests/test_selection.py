"""Weights of an ensemble by forward selection, against a plain loop."""

import copy
import hashlib
import math
import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import Store, mixed

from modelplane_trainer.selection import log_loss, select, squared_error

FEATURES = ["number", "whole", "flag", "city"]


def plain(columns: list[list[float]], loss, rounds: int) -> list[int]:
    """The paper's procedure over lists, which knows no sum but that of the rows it is looking at."""

    def of(taken: list[int]) -> float:
        return loss([sum(columns[member][row] for member in taken) / len(taken) for row in range(rows)])

    rows = len(columns[0])
    order = sorted(range(len(columns)), key=lambda member: (of([member]), member))
    nested = [order[: size + 1] for size in range(len(order))]
    taken = min(nested, key=of)
    grown = [taken]
    for _ in range(rounds):
        taken = min(([*taken, member] for member in range(len(columns))), key=of)
        grown.append(taken)
    best = min(grown, key=of)
    return [best.count(member) for member in range(len(columns))]


def plain_log_loss(probabilities):
    return -sum(math.log(max(value, 1e-15)) for value in probabilities) / len(probabilities)


def plain_squared_error(errors):
    return sum(error * error for error in errors) / len(errors)


@pytest.mark.parametrize("seed", range(8))
def test_is_what_a_plain_loop_finds(seed):
    random = np.random.default_rng(seed)
    members = int(random.integers(2, 7))
    probabilities = random.beta(2, 1, (60, members))
    assert select(probabilities, log_loss, 25).tolist() == plain(probabilities.T.tolist(), plain_log_loss, 25)
    errors = random.normal(random.normal(0, 1, members), random.uniform(0.5, 2, members), (60, members))
    assert select(errors, squared_error, 25).tolist() == plain(errors.T.tolist(), plain_squared_error, 25)


def test_of_equal_members_the_earlier_is_taken_alone():
    column = np.random.default_rng(0).beta(2, 1, 50)
    assert select(np.stack([column, column, column], axis=1), log_loss, 10).tolist() == [1, 0, 0]


def test_a_member_that_is_right_leaves_nothing_to_the_others():
    right, wrong = np.full(50, 0.999), np.full(50, 0.4)
    assert select(np.stack([wrong, right], axis=1), log_loss, 10).tolist() == [0, 1]


def test_an_impossible_truth_stays_finite():
    counts = select(np.stack([np.zeros(5), np.full(5, 0.5)], axis=1), log_loss, 3)
    assert counts.tolist() == [0, 1]


def trained(
    store: Store, train: dict, target: str, at: int, framework: str, estimator: str, **changes
) -> dict:
    """`model` of a specification: what a training makes in the folder of this number."""
    folder = f"s3://modelplane/jobs/attempts/{at}/"
    spec = store.spec(train, target, framework, estimator, importance="none", output_uri=folder, **changes)
    signature = store.result(spec)["signature"]
    return {
        "id": f"model-{at}",
        "version": "1.0.0",
        "artifact_uri": f"{folder}model.onnx",
        "sha256": hashlib.sha256(store.model(folder)).hexdigest(),
        "origin": "trained",
        "signature": signature,
    }


def fit_spec(store: Store, models: list[dict], target: str, files: dict) -> dict:
    """The specification of a fit of models of the same features."""
    is_regression = models[0]["signature"]["output"]["type"] == "regression"
    ensemble = {
        "method": "averaging" if is_regression else "voting_soft",
        "strategy": "all",
        "threshold": None,
        "min_models_required": 1,
        "members": [{"weight": 1, "model": model} for model in models],
    }
    return {
        "spec_version": 1,
        "kind": "ensemble-fit",
        "job_id": "fit-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e",
        "attempt": 1,
        "storage": {"kind": "folder", "root": str(store.root)},
        "data": {
            "format": files["format"],
            "files": [{"uri": uri, "size_bytes": 1, "etag": "1"} for uri in files["uris"]],
            "target_column": target,
        },
        "model": {
            "id": "ensemble",
            "version": "1.0.0",
            "origin": "combined",
            "signature": models[0]["signature"],
            "ensemble": ensemble,
        },
        "method": "greedy",
        "folds": 5,
        "rounds": 50,
        "limits": {"memory_bytes": 4 << 30, "model_memory_bytes": 1 << 30, "model_run_seconds": 10},
    }


def scored(store: Store, spec: dict, uri: str, passed: list[str]) -> pa.Table:
    """What a batch answers to the rows of a Parquet file with `model` of a specification of another kind."""
    (store.root / "out").mkdir(exist_ok=True)
    job = f"batch-{uuid.uuid4()}"
    batch = {name: spec[name] for name in ("spec_version", "attempt", "storage", "model", "limits")} | {
        "kind": "batch",
        "job_id": job,
        "state_uri": f"s3://modelplane/{job}/",
        "input": {"format": "parquet", "files": [{"uri": uri, "size_bytes": 1, "etag": "1"}]},
        "output": {
            "uri": "s3://out/",
            "name": job,
            "format": "parquet",
            "csv_safe": False,
            "passthrough_columns": passed,
        },
        "batch": {"batch_rows": 16_384, "part_rows": 100_000, "max_error_share": 0.0, "threads": 1},
    }
    (part,) = store.result_of(batch)["parts"]
    return pq.read_table(store.root / "out" / part["output"]["name"])


def fit(store: Store, target: str, estimators: list[str]) -> dict:
    """The specification of a fit by fresh rows of models that are trained here."""
    train = store.parquet(mixed(400), "s3://data/train.parquet")
    models = [
        trained(store, train, target, at, "sklearn", estimator, feature_columns=FEATURES)
        for at, estimator in enumerate(estimators)
    ]
    columns = mixed(600, seed=5)
    table = pa.table({name: columns[name] for name in [*FEATURES, target]})
    return fit_spec(store, models, target, store.parquet(table, "s3://data/fresh.parquet"))


@pytest.mark.parametrize(
    ("target", "estimators", "metric"),
    [
        ("grade", ["logistic_regression", "random_forest", "hist_gradient_boosting"], "log_loss"),
        ("price", ["ridge", "random_forest"], "squared_error"),
    ],
)
def test_a_fit_tells_weights_and_losses(store, target, estimators, metric):
    result = store.result_of(fit(store, target, estimators))
    losses = [each["loss"] for each in result["members"]]
    assert (result["rows"], result["metric"]) == (600, metric)
    assert sum(each["weight"] for each in result["members"]) == pytest.approx(1)
    assert result["loss"] <= min(*losses, result["loss_of_equal_weights"]) + 1e-9
    for each in result["members"]:
        if each["weight"] == 0:
            assert each["loss_without"] == pytest.approx(result["loss"])
    if len(estimators) == 2 and all(each["weight"] for each in result["members"]):
        assert [each["loss_without"] for each in result["members"]] == pytest.approx(losses[::-1])


def test_rows_that_one_member_cannot_score_take_no_part(store):
    spec = fit(store, "grade", ["logistic_regression", "random_forest"])
    rows = ["1,2,true,Aachen,1"] * 30 + ["many,2,true,Aachen,2", "1,2,true,Aachen,"]
    files = store.text("\n".join([",".join([*FEATURES, "grade"]), *rows]), "s3://data/fresh.csv")
    spec["data"] |= {"format": "csv", "files": [{"uri": files["uris"][0], "size_bytes": 1, "etag": "1"}]}
    *_, last = events = store.run(spec)
    assert last["result"]["rows"] == 30
    told = [event["message"] for event in events if event["type"] == "warning"]
    assert [message.split(" rows ")[0] for message in told] == ["1", "1"]


def test_classes_are_matched_by_what_they_are(store):
    spec = fit(store, "grade", ["logistic_regression", "random_forest"])
    whole = store.result_of(spec)
    spec["model"]["signature"] = copy.deepcopy(spec["model"]["signature"])
    spec["model"]["signature"]["output"]["labels"].reverse()
    turned = store.result_of(spec)
    for one, other in zip(whole["members"], turned["members"], strict=True):
        assert one["weight"] == other["weight"] and one["loss"] == pytest.approx(other["loss"])


def test_a_fit_needs_an_ensemble_and_rounds(store):
    spec = fit(store, "price", ["ridge", "ridge"])
    alone = {**spec, "model": spec["model"]["ensemble"]["members"][0]["model"]}
    assert "ensemble" in store.failure(alone)[1]
    assert "rounds" in store.failure({name: spec[name] for name in spec if name != "rounds"})[1]
    assert "is not valid" in store.failure({**spec, "kind": ["ensemble-fit"]})[1]


def test_an_error_beyond_all_numbers_is_refused(store):
    spec = fit(store, "price", ["ridge", "ridge"])
    columns = mixed(20, seed=5)
    table = pa.table({name: columns[name] for name in FEATURES} | {"price": pa.array([1e200] * 20)})
    store.parquet(table, "s3://data/fresh.parquet")
    code, message = store.failure(spec)
    assert code == "DATA_UNFIT" and "no finite number" in message
