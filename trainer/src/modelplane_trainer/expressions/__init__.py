"""Expressions over columns: the trees of libs/expressions, for many rows at once, with the same answers."""

from .column import Column
from .evaluate import columns_of, evaluate, type_of

__all__ = ["Column", "columns_of", "evaluate", "type_of"]
