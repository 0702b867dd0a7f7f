"""Scores files of rows as a job's specification says: batch-spec.v1 and labelled-spec.v1."""

from .ensemble_fit import fit_ensemble
from .labelled import calibrate
from .run import run

__all__ = ["calibrate", "fit_ensemble", "run"]
