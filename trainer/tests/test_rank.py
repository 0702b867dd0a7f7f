"""Mean ranks of members' answers, against scipy's percentiles."""

import numpy as np
import pytest
from scipy.stats import percentileofscore

from modelplane_trainer import rank

LEVELS = np.linspace(0, 1, 101)


def scale_of(values: np.ndarray) -> dict:
    return {"values": np.quantile(values, LEVELS).tolist(), "ranks": LEVELS.tolist()}


def test_are_where_values_stand():
    random = np.random.default_rng(0)
    seen = [random.beta(2, 5, 2000), random.beta(1, 1, 2000)]
    asked = [random.beta(2, 5, 50), random.beta(1, 1, 50)]
    shares = [0.75, 0.25]
    probabilities = [np.column_stack([1 - each, each]) for each in asked]
    found = rank.answer([scale_of(each) for each in seen], shares, probabilities)
    expected = sum(
        share * percentileofscore(known, each) / 100
        for share, known, each in zip(shares, seen, asked, strict=True)
    )
    np.testing.assert_allclose(found[:, 1], expected, atol=0.005)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_of_values_answer_the_values_of_that_rank():
    random = np.random.default_rng(1)
    seen = random.normal(0, 1, 2000)
    asked = np.linspace(seen.min(), seen.max(), 50)
    scales, shares = [scale_of(seen), scale_of(1000 * seen + 5)], [0.5, 0.5]
    found = rank.answer(scales, shares, [asked, 1000 * asked + 5])
    np.testing.assert_allclose(found, (asked + 1000 * asked + 5) / 2, rtol=1e-9)
    beyond = rank.answer(scales, shares, [np.array([1e9]), np.array([1e9])])
    assert beyond[0] == pytest.approx((seen.max() + 1000 * seen.max() + 5) / 2)
