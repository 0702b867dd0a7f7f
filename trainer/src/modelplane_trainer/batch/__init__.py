"""Scores files of rows as a job's specification says: batch-spec.v1 and labelled-spec.v1."""

from .labelled import calibrate
from .run import run
from .weights import fit_weights

__all__ = ["calibrate", "fit_weights", "run"]
