"""Studies: many trials of one estimator, searched by Optuna, and the best of them as trained models."""

from __future__ import annotations

from .run import run

__all__ = ["run"]
