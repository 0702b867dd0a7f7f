"""One attempt of a job, however its process was started: events go to a descriptor, nothing else does."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from . import batch, contracts, features, inspection, training, tuning
from .events import EventWriter
from .failures import INTERNAL_ERROR, OUT_OF_MEMORY, STORAGE_FULL, JobFailure, ran_out_of_disk
from .fitting import seed_and_threads
from .giving_way import GaveWay
from .memory import limit_memory, ran_out_of_memory, unlimit_memory
from .storage import Store, open_store

_LONGEST_TRACE = 200
_LONGEST_LINE = 500


def run_job(spec: Any, descriptor: int, credentials: dict[str, Any] | None = None) -> int:
    """Do what a specification says and tell it in events, such as to train, to tune or to score.

    Args:
        spec: the parsed specification; checked here.
        descriptor: where event lines are written.
        credentials: see `credentials`; absent where nothing is secret.

    Returns:
        The exit code: 0 after `succeeded` and `gave_way`, 1 after `failed`.
    """
    known = spec if isinstance(spec, dict) else {}
    attempt = known.get("attempt")
    attempt = attempt if isinstance(attempt, int) and attempt >= 1 else 1
    events = EventWriter(descriptor, str(known.get("job_id", "")), attempt)
    try:
        contracts.check_spec(spec)
        limit_memory(spec["limits"]["memory_bytes"])
        secrets = credentials or {}
        store = open_store(spec["storage"], secrets.get("storage"))
        result = _attempt(spec, events, store, secrets.get("redis_url"))
    except GaveWay:
        events.gave_way()
        return 0
    except JobFailure as failure:
        events.failed(failure.code, _sentence(failure.message))
        return 1
    except Exception as error:
        unlimit_memory()
        _log_trace(spec["job_id"])
        if ran_out_of_memory(error):
            limit = spec["limits"]["memory_bytes"] / 2**20
            events.failed(
                OUT_OF_MEMORY,
                f"The job needed more than the {limit:.0f} MiB of memory allowed; "
                "use fewer rows or columns, a smaller model, or ask for a higher limit.",
            )
        elif ran_out_of_disk(error):
            events.failed(
                STORAGE_FULL,
                "The disk that the job writes to is full; run it again once objects were deleted, "
                "or tell whoever runs the service.",
            )
        else:
            events.failed(
                INTERNAL_ERROR,
                f"The trainer failed with an unexpected {type(error).__name__}; "
                "the worker's log has the details.",
            )
        return 1
    events.succeeded(result)
    return 0


def _attempt(
    spec: dict[str, Any], events: EventWriter, store: Store, redis_url: str | None
) -> dict[str, Any]:
    if spec["kind"] == "batch":
        return batch.run(spec, events, store)
    if spec["kind"] == "calibration":
        return batch.calibrate(spec, events, store)
    if spec["kind"] == "ensemble-fit":
        return batch.fit_ensemble(spec, events, store)
    if spec["kind"] == "materialization":
        return features.materialize(spec, events, store, redis_url)
    if spec["kind"] == "erasure":
        return features.erase(spec, events, store)
    if spec["kind"] == "historical":
        return features.write_training_set(spec, events, store)
    if spec["kind"] == "skew":
        return features.compare(spec, events, store)
    seed_and_threads(spec)
    if spec["kind"] == "validation":
        found = inspection.inspect(spec, events, store)
        for problem in found["problems"]:
            problem["message"] = _sentence(problem["message"])
        return found
    if spec["kind"] == "tuning":
        return tuning.run(spec, events, store)
    trained = training.train(spec, events, store)
    return training.publish(trained, spec, events, store)


def _log_trace(job_id: str) -> None:
    """The trace as one line of stderr, cut: a converter's errors hold every node of every tree."""
    lines = traceback.format_exc().splitlines()
    kept = lines if len(lines) <= _LONGEST_TRACE else [*lines[:_LONGEST_TRACE], "..."]
    trace = "\n".join(line[:_LONGEST_LINE] for line in kept)
    print(json.dumps({"job_id": job_id, "trace": trace}), file=sys.stderr, flush=True)


def _sentence(message: str) -> str:
    """A capital to begin with, unless it begins with a name such as `random_forest` or `train.csv`."""
    first = message.split(" ", 1)[0].strip("':")
    if not first.isalpha() or any(first in known["estimators"] for known in contracts.estimators().values()):
        return message
    return message[:1].upper() + message[1:]
