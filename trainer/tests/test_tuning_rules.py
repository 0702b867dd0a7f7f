"""Objectives, constraints, what ends a trial or a search, and what a study learns from."""

import importlib
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from cases import Store
from studies import Engine, study_spec, trials_of, what_decides
from warm_parent import eventually, gone

from modelplane_trainer import giving_way, training
from modelplane_trainer.failures import PARITY_FAILED, JobFailure
from modelplane_trainer.storage import FolderStore
from modelplane_trainer.tuning.journal import Journal

LOSS = {"metric": "val_loss", "mode": "min"}
ACCURACY = {"metric": "val_accuracy", "mode": "max"}


@pytest.mark.parametrize("part", ["val", "train"])
def test_every_metric_of_a_training_can_be_the_objective(store, part):
    names = {"accuracy", "loss", "roc_auc", "f1", "brier", "calibration_error"}
    for name in ("roc_auc", "f1"):
        objectives = [{"metric": f"{part}_{name}", "mode": "max"}]
        uri = f"s3://modelplane/{name}/"
        trials = trials_of(store.run(study_spec(store, objectives=objectives, num_trials=2, state_uri=uri)))
        assert [trial["values"] for trial in trials] == [
            [trial["metrics"][f"{part}_{name}"]] for trial in trials
        ]
        assert trials[0]["metrics"].keys() >= {f"{part}_{each}" for each in names}


def test_a_regression_is_searched_by_its_metrics(store):
    objectives = [{"metric": "val_r2", "mode": "max"}]
    result = store.result_of(study_spec(store, column="price", objectives=objectives, top_k=1))
    trained = result["versions"][0]["trained"]
    assert trained["model_type"] == "regression"
    assert trained["metrics"]["val_r2"] == pytest.approx(result["best"]["value"], abs=1e-6)


def test_a_metric_that_there_is_not_fails_the_study(store):
    code, message = store.failure(study_spec(store, objectives=[{"metric": "val_r2", "mode": "max"}]))
    assert code == "TOO_MANY_FAILED_TRIALS"
    assert "val_r2 is none of its metrics" in message


def test_folds_leave_the_validation_rows_out(store):
    spec = study_spec(store, cv_folds=4, num_trials=3, top_k=1)
    events = store.run(spec)
    for trial in trials_of(events):
        assert [step["step"] for step in trial["steps"]] == [1, 2, 3, 4]
        assert trial["values"] == [pytest.approx(np.mean([step["value"] for step in trial["steps"]]))]
        assert trial["metrics"]["val_loss"] == trial["values"][0]
    trained = events[-1]["result"]["versions"][0]["trained"]
    assert trained["data"]["rows_train"] == 320
    assert trained["metrics"]["val_loss"] != pytest.approx(events[-1]["result"]["best"]["value"])


def test_folds_need_rows_of_each_class(store):
    y = np.zeros(60, int)
    y[:5] = 1
    train = store.parquet({"x0": np.arange(60.0), "y": y, "price": np.arange(60.0)})
    code, message = store.failure(study_spec(store, train=train, cv_folds=10))
    assert code == "DATA_UNFIT"
    assert message == "cv_folds is 10, but there are only 4 training rows of the rarest class."


def test_the_best_is_the_best_that_keeps_the_constraints(store):
    loose = trials_of(store.run(study_spec(store)))
    accuracies = sorted(trial["metrics"]["val_brier"] for trial in loose)
    constraint = {"metric": "val_brier", "at_least": accuracies[4]}
    spec = study_spec(store, constraints=[constraint], algorithm="random", state_uri="s3://modelplane/b/")
    events = store.run(spec)
    trials, result = trials_of(events), events[-1]["result"]
    kept = [trial for trial in trials if trial["metrics"]["val_brier"] >= accuracies[4]]
    assert 0 < len(kept) < len(trials)
    assert [trial["feasible"] for trial in trials] == [trial in kept for trial in trials]
    assert result["best"]["value"] == min(trial["values"][0] for trial in kept)


def test_a_study_without_a_feasible_trial_says_so(store):
    spec = study_spec(store, constraints=[{"metric": "val_accuracy", "at_least": 1.1}], top_k=1)
    events = store.run(spec)
    result = events[-1]["result"]
    assert (result["best"], result["versions"], result["history"]) == (None, [], [])
    assert "None of 14 trials is feasible, so that no model was trained." in [
        event["message"] for event in events if event["type"] == "warning"
    ]


def test_size_and_latency_are_of_the_graph_that_is_published(store):
    constraints = [{"metric": "artifact_bytes", "at_most": 1e9}, {"metric": "latency_ms_p99", "at_most": 1e4}]
    spec = study_spec(store, constraints=constraints, num_trials=3, top_k=1)
    events = store.run(spec)
    trials, result = trials_of(events), events[-1]["result"]
    version = result["versions"][0]
    assert (
        trials[version["number"]]["metrics"]["artifact_bytes"]
        == (version["trained"]["files"]["model"]["size_bytes"])
    )
    assert all(0 < trial["metrics"]["latency_ms_p99"] < 1e4 and trial["feasible"] for trial in trials)


def test_of_several_objectives_the_pareto_front_is_told(store):
    spec = study_spec(store, objectives=[LOSS, {"metric": "train_loss", "mode": "max"}], top_k=2)
    events = store.run(spec)
    trials, result = trials_of(events), events[-1]["result"]
    front = [
        one["number"]
        for one in trials
        if not any(
            other["values"][0] <= one["values"][0]
            and other["values"][1] >= one["values"][1]
            and other["values"] != one["values"]
            for other in trials
        )
    ]
    assert result["pareto_front"] == front and len(front) > 1
    assert result["best"] is None and result["history"] == []
    assert [version["number"] for version in result["versions"]] == front[:2]


def test_the_history_is_of_improvements_and_the_importance_names_what_matters(store):
    events = store.run(study_spec(store, num_trials=30))
    trials, result = trials_of(events), events[-1]["result"]
    least, improved = float("inf"), []
    for trial in trials:
        if trial["values"][0] < least:
            least = trial["values"][0]
            improved.append({"number": trial["number"], "value": least})
    assert result["history"] == improved and result["best"]["value"] == least
    shares = {each["name"]: each["importance"] for each in result["importance"][0]["parameters"]}
    assert shares.keys() == {"n_estimators", "max_depth", "learning_rate"}
    assert 0.5 < sum(shares.values()) <= 1 + 1e-9
    assert max(shares, key=shares.get) == "learning_rate"
    assert len(trials) == 30


def test_top_k_are_the_best_of_different_parameters(store):
    space = [{"name": "n_estimators", "type": "choice", "values": [2, 9]}]
    result = store.result_of(study_spec(store, space=space, algorithm="random", top_k=3))
    tried = [version["trained"]["parameters"]["n_estimators"] for version in result["versions"]]
    assert sorted(tried) == [2, 9]
    losses = [version["trained"]["metrics"]["val_loss"] for version in result["versions"]]
    assert losses == sorted(losses)


def test_a_target_ends_the_search_a_lag_later(store):
    whole = trials_of(store.run(study_spec(store, num_trials=20)))
    best = np.minimum.accumulate([trial["values"][0] for trial in whole])
    target = float(best[6])
    reached = int(np.argmax(best <= target))
    for concurrent in (1, 4):
        spec = study_spec(
            store,
            target=target,
            num_trials=20,
            max_concurrent_trials=concurrent,
            state_uri=f"s3://modelplane/{concurrent}/",
        )
        events = store.run(spec)
        assert events[-1]["result"]["stopped_by"] == "target"
        assert what_decides(trials_of(events)) == what_decides(whole[: reached + 4])


def test_trials_without_improvement_end_the_search(store):
    spec = study_spec(store, no_improvement_trials=5, num_trials=60, lag=1)
    events = store.run(spec)
    trials, result = trials_of(events), events[-1]["result"]
    assert result["stopped_by"] == "no_improvement_trials"
    assert len(trials) == result["best"]["number"] + 1 + 5


def test_minutes_end_the_search_and_count_over_attempts(store):
    spec = study_spec(store, num_trials=10_000, algorithm="random", max_minutes=0.02)
    first = store.run(spec)
    assert first[-1]["result"]["stopped_by"] == "max_minutes"
    known = len(trials_of(first))
    second = store.run({**spec, "attempt": 2, "trials_known": known})
    assert trials_of(second) == []
    assert second[-1]["result"]["trials"]["succeeded"] == known


def test_a_trial_that_takes_too_long_has_failed(store):
    space = [{"name": "n_estimators", "type": "choice", "values": [4, 5000]}]
    spec = study_spec(store, space=space, algorithm="grid", trial_timeout_seconds=2, max_concurrent_trials=1)
    trials = trials_of(store.run(spec))
    by_size = {trial["parameters"]["n_estimators"]: trial for trial in trials}
    assert by_size[4]["state"] == "succeeded"
    assert by_size[5000]["state"] == "failed"
    assert by_size[5000]["reason"] == "The trial took longer than 2 s, and was ended."


def test_too_many_failures_fail_the_study_with_their_reason(store):
    space = [{"name": "max_samples", "type": "uniform", "min": 0.2, "max": 0.5}]
    spec = study_spec(
        store,
        estimator="random_forest",
        space=space,
        hyperparameters={"bootstrap": False, "n_estimators": 2},
        max_failed_share=0.2,
        num_trials=20,
        max_concurrent_trials=1,
    )
    events = store.run(spec)
    failed = trials_of(events)
    assert len(failed) == 5 and all(trial["state"] == "failed" for trial in failed)
    assert events[-1]["code"] == "TOO_MANY_FAILED_TRIALS"
    message = events[-1]["message"]
    assert message.startswith(
        "5 of 5 trials failed, more than max_failed_share allows (0.2 of 20); 5 of them"
    )
    assert failed[0]["reason"] in message and "Traceback" not in message


def test_a_trial_that_needs_too_much_memory_has_failed(store):
    sizes = [{"name": "hidden_layer_sizes", "type": "choice", "values": [[2], [4096] * 4]}]
    spec = study_spec(store, estimator="mlp", space=sizes, algorithm="grid", memory_bytes=300 << 20, epochs=1)
    reasons = {
        len(trial["parameters"]["hidden_layer_sizes"]): (trial["state"], trial["reason"])
        for trial in trials_of(store.run(spec))
    }
    assert reasons == {
        1: ("succeeded", None),
        4: ("failed", "The trial needed more memory than a trial may use."),
    }


def test_initial_trials_come_first(store):
    initial = [{"n_estimators": 7, "max_depth": 2, "learning_rate": 0.2}, {"max_depth": 3}]
    trials = trials_of(store.run(study_spec(store, initial_trials=initial, num_trials=5)))
    assert [trial["origin"] for trial in trials] == ["initial"] * 2 + ["suggested"] * 3
    assert trials[0]["parameters"] == initial[0]
    assert trials[1]["parameters"]["max_depth"] == 3 and len(trials[1]["parameters"]) == 3


def written(store: Store, trials: list[dict], uri: str) -> str:
    store.path(uri).write_text("".join(json.dumps(trial) + "\n" for trial in trials))
    return uri


def test_parents_teach_the_sampler_what_fits_the_space(store):
    parent = trials_of(store.run(study_spec(store, num_trials=12)))
    strange = [{**parent[0], "parameters": {**parent[0]["parameters"], "max_depth": 9}}]
    more = [{**parent[0], "parameters": {**parent[0]["parameters"], "subsample": 0.5}}]
    failed = [{**parent[0], "state": "failed", "values": None}]
    uri = written(store, [*parent, *strange, *more, *failed], "s3://modelplane/parents/a.jsonl")
    changes = {"num_trials": 4, "state_uri": "s3://modelplane/child/", "seed": 5}
    alone = trials_of(store.run(study_spec(store, **changes)))
    parents = [{"job_id": "tune-parent", "uri": uri}]
    changes |= {"state_uri": "s3://modelplane/taught/", "parents": parents}
    events = store.run(study_spec(store, **changes))
    assert events[-1]["result"]["parents"] == [{"job_id": "tune-parent", "trials": 15, "used": 12}]
    taught = trials_of(events)
    assert [trial["number"] for trial in taught] == [0, 1, 2, 3]
    assert what_decides(taught) != what_decides(alone)
    assert events[-1]["result"]["best"]["number"] in range(4)


def test_a_study_that_is_asked_gives_way_after_a_trial(store, monkeypatch):
    spec = study_spec(store)
    whole = trials_of(store.run({**spec, "state_uri": "s3://modelplane/whole/"}))
    monkeypatch.setattr(giving_way, "_asked", True)
    known, attempts = [], 0
    while True:
        attempts += 1
        events = store.run({**spec, "attempt": attempts, "trials_known": len(known)})
        known += trials_of(events)
        if events[-1]["type"] != "gave_way":
            break
        assert 1 <= len(trials_of(events)) <= 3
    assert attempts > 4 and events[-1]["type"] == "succeeded"
    assert what_decides(sorted(known, key=lambda trial: trial["number"])) == what_decides(whole)


def test_more_trials_may_be_wanted_while_it_runs(store):
    spec = study_spec(store, num_trials=4)
    path = store.path(f"{spec['state_uri']}num_trials.json")
    path.write_text(json.dumps({"num_trials": 9}))
    events = store.run(spec)
    assert len(trials_of(events)) == 9 and events[-1]["result"]["num_trials"] == 9
    whole = trials_of(store.run(study_spec(store, num_trials=9, state_uri="s3://modelplane/whole/")))
    assert what_decides(trials_of(events)) == what_decides(whole)


def test_trials_that_were_told_are_not_told_again(store):
    spec = study_spec(store, num_trials=6)
    first = trials_of(store.run(spec))
    again = trials_of(store.run({**spec, "attempt": 2, "trials_known": 4}))
    assert len(again) == 2
    assert all(trial in first for trial in again)
    assert trials_of(store.run({**spec, "attempt": 3, "trials_known": 6})) == []


def test_trials_stay_as_they_were_where_a_sampler_would_suggest_otherwise_now(store):
    initial = [{"max_depth": 3}] * 7
    spec = study_spec(store, num_trials=6, initial_trials=initial)
    first = trials_of(store.run(spec))
    later = store.run({**spec, "search": {**spec["search"], "seed": 4, "num_trials": 9}, "attempt": 2})
    assert what_decides(trials_of(later)[:6]) == what_decides(first)
    assert [trial["number"] for trial in trials_of(later)] == list(range(9))
    assert trials_of(later)[6]["parameters"]["max_depth"] == 3


def test_a_journal_has_a_base_and_a_ring_of_segments(store):
    objects, folder, written = FolderStore(str(store.root)), "s3://modelplane/study/", []
    for attempt, writes in enumerate([50, 64, 65, 200, 0], 1):
        journal = Journal(objects, folder, attempt)
        assert journal.records == written
        for number in range(writes):
            records = [{"attempt": attempt, "number": number}, {"is_second": True}]
            journal.write(records)
            written += records
        assert len(list(store.path(f"{folder}journal/{attempt}/base.jsonl").parent.iterdir())) <= 65


def test_what_an_attempt_writes_once_the_next_has_begun_is_lost(store):
    objects, folder = FolderStore(str(store.root)), "s3://modelplane/study/"
    first = Journal(objects, folder, 1)
    first.write([{"number": 0}])
    second = Journal(objects, folder, 2)
    first.write([{"number": "late"}])
    second.write([{"number": 1}])
    assert Journal(objects, folder, 4).records == [{"number": 0}, {"number": 1}]


def test_all_trials_are_a_table(store):
    spec = study_spec(store, objectives=[ACCURACY], num_trials=6, cv_folds=2)
    events = store.run(spec)
    trials, described = trials_of(events), events[-1]["result"]["trials_file"]
    content = (store.path(spec["output_uri"]) / described["name"]).read_bytes()
    assert len(content) == described["size_bytes"]
    table = pq.read_table(io.BytesIO(content)).to_pylist()
    for row, trial in zip(table, trials, strict=True):
        assert (row["number"], row["state"], [row["value"]]) == (
            trial["number"],
            trial["state"],
            trial["values"],
        )
        assert {name: row[f"param_{name}"] for name in trial["parameters"]} == trial["parameters"]
        assert row["steps"] == trial["steps"]
        assert row["metric_val_loss"] == trial["metrics"]["val_loss"]
        assert row["started_at"].isoformat(timespec="milliseconds")[:23] == trial["started_at"][:23]


def test_progress_counts_trials_and_names_the_best(store):
    events = store.run(study_spec(store, num_trials=8))
    told = [event for event in events if event["type"] == "progress"]
    assert (told[0]["phase"], told[-1]["phase"]) == ("reading", "refitting")
    last, result = told[-1], events[-1]["result"]
    assert last["trials"] == {"running": 0, "succeeded": 8, "pruned": 0, "failed": 0} == result["trials"]
    assert last["best"] == result["best"] and last["metrics"]["val_loss"] == result["best"]["value"]


@pytest.mark.parametrize("estimator", ["xgboost", "lightgbm"])
def test_frameworks_other_than_scikit_learn_are_searched(store, estimator):
    spec = study_spec(store, framework=estimator, estimator=estimator, num_trials=4, top_k=1)
    assert len(store.result_of(spec)["versions"]) == 1


def test_an_engine_that_ends_leaves_no_trial_behind(store, server):
    space = [{"name": "n_estimators", "type": "choice", "values": [5000]}]
    engine = Engine(server, study_spec(store, space=space, algorithm="random"))
    engine.read(lambda event: event["type"] == "trial" and event["trial"]["number"] == 1)
    while len(pids := engine.trial_processes()) < 2:
        pass
    engine.kill()
    assert all(eventually(lambda pid=pid: gone(pid)) for pid in pids)


@pytest.mark.parametrize("estimator, patience", [("gradient_boosting", None), ("hist_gradient_boosting", 3)])
def test_a_model_that_learns_from_all_rows_is_measured_by_one_that_does_not(store, estimator, patience):
    space = [{"name": "learning_rate", "type": "choice", "values": [0.3]}]
    changes = {"estimator": estimator, "space": space, "num_trials": 1, "top_k": 1, "patience": patience}
    alone, both = (
        store.result_of(study_spec(store, **changes, refit_on=rows, state_uri=f"s3://modelplane/{rows}/"))[
            "versions"
        ][0]["trained"]
        for rows in ("train", "train_and_validation")
    )
    for field in ("metrics", "calibration", "importance", "data", "parameters"):
        assert both[field] == alone[field], field
    assert both["files"]["model"]["sha256"] != alone["files"]["model"]["sha256"]


def test_of_equal_trials_the_first_is_the_best_whichever_ended_first(store):
    space = [{"name": "n_estimators", "type": "choice", "values": [900, 5]}]
    constant = [{"metric": "train_r2", "mode": "max"}]
    spec = study_spec(
        store,
        column="price",
        space=space,
        hyperparameters={"learning_rate": 1e-300},
        objectives=constant,
        initial_trials=[{"n_estimators": 900}, {"n_estimators": 5}],
        num_trials=2,
        top_k=1,
    )
    events = store.run(spec)
    assert [trial["values"] for trial in trials_of(events)] == [[0.0], [0.0]]
    result = events[-1]["result"]
    assert result["best"]["number"] == result["versions"][0]["number"] == 0


def test_trials_that_were_left_in_the_middle_are_not_all_begun_at_once(store, server):
    space = [{"name": "n_estimators", "type": "choice", "values": [700]}]
    spec = study_spec(store, space=space, num_trials=4, max_concurrent_trials=4)
    engine = Engine(server, spec)
    engine.read(lambda event: event["type"] == "trial" and event["trial"]["number"] == 3)
    engine.kill()
    spec["search"]["max_concurrent_trials"] = 1
    events = store.run({**spec, "attempt": 2})
    running = [event["trials"]["running"] for event in events if event["type"] == "progress"]
    states = [event["trial"]["state"] for event in events if event["type"] == "trial"]
    assert states == ["running", "succeeded"] * 4 and max(running) <= 4


@pytest.mark.parametrize("refused, made", [(1, 2), (4, 1), (5, None)])
def test_a_model_that_cannot_be_exported_gives_way_to_the_next_best(store, monkeypatch, refused, made):
    tried = []

    def publish(trained, *rest) -> dict:
        tried.append(trained)
        if len(tried) <= refused:
            raise JobFailure(PARITY_FAILED, "the graph answers otherwise.")
        return training.publish(trained, *rest)

    monkeypatch.setattr(importlib.import_module("modelplane_trainer.tuning.run"), "publish", publish)
    events = store.run(study_spec(store, num_trials=8, algorithm="random", top_k=2))
    warned = [event["message"] for event in events if event["type"] == "warning"]
    if made is None:
        assert events[-1]["code"] == "PARITY_FAILED" and len(tried) == 5
        return
    versions = events[-1]["result"]["versions"]
    assert len(versions) == made and len(warned) == refused
    ranked = sorted(trials_of(events), key=lambda trial: trial["values"])
    assert [version["number"] for version in versions] == [
        trial["number"] for trial in ranked[refused : refused + made]
    ]
    assert warned[0] == f"Trial {ranked[0]['number']} gives no model: the graph answers otherwise."
