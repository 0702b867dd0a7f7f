"""Batch predictions: scores files of rows as a job's specification says; contract batch-spec.v1."""

from .run import run

__all__ = ["run"]
