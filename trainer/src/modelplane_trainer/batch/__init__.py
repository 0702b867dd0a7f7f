"""Scores files of rows as a job's specification says: batch-spec.v1 and calibration-spec.v1."""

from .labelled import calibrate
from .run import run

__all__ = ["calibrate", "run"]
