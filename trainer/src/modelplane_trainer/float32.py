"""Numbers as the float32 that every graph decides and answers by."""

from __future__ import annotations

import numpy as np


def rounded_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each value, as float64 [...].

    A float32 feature x satisfies x <= threshold exactly if it satisfies x <= rounded_down(threshold), so a
    tree decides by the rounded thresholds as it does by its own; rounded to nearest, a value between the two
    goes the other way.
    """
    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):  # LightGBM writes the largest float64 for "only the missing go right".
        single = exact.astype(np.float32)
    above = single.astype(np.float64) > exact
    return np.where(above, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float64)


# Share of a column's standard deviation that a float32 may round its values by.
MOST_ROUNDING = 1e-6


def rounding_of(values: np.ndarray) -> float:
    """The most that float32 moves one of the finite values; 0 where it holds them all."""
    return float(np.max(np.abs(values - values.astype(np.float32).astype(np.float64)), initial=0.0))


def centre_of(values: np.ndarray, is_whole: bool = False) -> float:
    """What to take away from values, in float64, so that float32 holds what is left; 0 for nothing.

    Values far from 0 that differ by little, such as 20260131 and 20260201, are one number in float32.

    Args:
        values: float64 [values], NaN where missing.
        is_whole: the values are whole numbers, of which each has to be told from the next.
    """
    known = values[np.isfinite(values)]
    rounding = rounding_of(known)
    if rounding == 0 or (not is_whole and rounding <= MOST_ROUNDING * float(np.std(known))):
        return 0.0
    centre = float(np.median(known))
    centre = float(np.round(centre)) if is_whole else centre
    return centre if rounding_of(known - centre) < rounding else 0.0
