"""The JSON contracts shared with the TypeScript side, read from the repository's `contracts` folder."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource

from .failures import INTERNAL_ERROR, JobFailure

# Contracts of the kinds other than a training and its validation.
_CONTRACTS = {
    "batch": "batch-spec.v1",
    "calibration": "labelled-spec.v1",
    "ensemble-fit": "labelled-spec.v1",
    "erasure": "features-spec.v1",
    "historical": "features-spec.v1",
    "materialization": "features-spec.v1",
    "skew": "features-spec.v1",
    "tuning": "tuning-spec.v1",
}


@cache
def folder() -> Path:
    """The nearest `contracts` folder above this file."""
    for parent in Path(__file__).resolve().parents:
        candidate = parent / "contracts"
        if (candidate / "training-spec.v1.schema.json").is_file():
            return candidate
    raise FileNotFoundError("the folder `contracts` was not found above the trainer's source")


@cache
def validator(name: str) -> Draft7Validator:
    """A validator of the schema `<name>.schema.json`."""
    return Draft7Validator(_schema(name), registry=Registry(retrieve=_resource))


def _schema(name: str) -> dict[str, Any]:
    return json.loads((folder() / f"{name}.schema.json").read_text(encoding="utf-8"))


def _resource(name: str) -> Resource:
    """A contract that another one refers to."""
    return Resource.from_contents(_schema(name))


@cache
def estimators() -> dict[str, Any]:
    """The list of estimators: framework, estimator, its model types and settings."""
    return json.loads((folder() / "estimators.v1.json").read_text(encoding="utf-8"))["frameworks"]


def entry(framework: str, estimator: str) -> dict[str, Any]:
    """One estimator's entry.

    Raises:
        JobFailure: the framework has no such estimator.
    """
    known = estimators()[framework]["estimators"]
    if estimator not in known:
        raise invalid(f"{framework} has no estimator '{estimator}'; it has {', '.join(known)}")
    return known[estimator]


def check_spec(spec: Any) -> None:
    """Check a job's specification against its contract and the list of estimators.

    Raises:
        JobFailure: it does not fit, with the field named.
    """
    kind = spec.get("kind") if isinstance(spec, dict) else None
    contract = validator(_CONTRACTS.get(str(kind), "training-spec.v1"))
    errors = sorted(contract.iter_errors(spec), key=lambda error: list(error.path))
    if errors:
        raise invalid(f"{_place(errors[0].path)}: {errors[0].message}")
    if "hyperparameters" in spec:
        check_hyperparameters(spec, spec["hyperparameters"], "hyperparameters")


def check_hyperparameters(spec: dict[str, Any], given: dict[str, Any], place: str) -> None:
    """Check values by name against the list of estimators.

    Raises:
        JobFailure: the estimator of the specification does not have or take one, with its place named.
    """
    fields = entry(spec["framework"], spec["estimator"])["hyperparameters"]
    for name, value in given.items():
        if name not in fields:
            raise invalid(f"{spec['estimator']} has no hyperparameter '{name}'; it has {', '.join(fields)}")
        for error in Draft7Validator(fields[name]).iter_errors(value):
            raise invalid(f"{place}.{name}: {error.message}")


def _place(path: Any) -> str:
    return ".".join(str(part) for part in path) or "specification"


def invalid(message: str) -> JobFailure:
    """The service made a specification that no attempt can do."""
    return JobFailure(INTERNAL_ERROR, f"The job's specification is not valid: {message}"[:1000] + ".")
