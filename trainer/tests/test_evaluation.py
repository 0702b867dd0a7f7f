"""Metrics against scikit-learn's, and where they are not defined."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, log_loss, mean_squared_error, r2_score, roc_auc_score

from modelplane_trainer.evaluation import calibration_error, classification_metrics, regression_metrics


def test_two_classes():
    random = np.random.default_rng(0)
    positive = random.random(500)
    y = (random.random(500) < positive).astype(int)
    measured = classification_metrics(y, np.column_stack([1 - positive, positive]))
    assert measured["loss"] == pytest.approx(log_loss(y, positive))
    assert measured["roc_auc"] == pytest.approx(roc_auc_score(y, positive))
    assert measured["brier"] == pytest.approx(brier_score_loss(y, positive))
    assert measured["f1"] == pytest.approx(f1_score(y, positive > 0.5))
    assert measured["calibration_error"] < 0.1


def test_three_classes():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet(np.ones(3), 500)
    y = np.array([random.choice(3, p=row) for row in probabilities])
    measured = classification_metrics(y, probabilities)
    assert measured["roc_auc"] == pytest.approx(roc_auc_score(y, probabilities, multi_class="ovr"))
    assert measured["f1"] == pytest.approx(f1_score(y, probabilities.argmax(axis=1), average="macro"))
    assert measured["brier"] == pytest.approx(brier_score_loss(y, probabilities, scale_by_half=True))


def test_calibration_error_of_a_known_case():
    confident = np.tile([0.1, 0.9], (10, 1))
    assert calibration_error(np.r_[np.ones(7, int), np.zeros(3, int)], confident) == pytest.approx(0.2)
    assert calibration_error(np.array([1] * 9 + [0]), confident) == pytest.approx(0)


def test_what_is_not_defined_is_none():
    assert classification_metrics(np.zeros(5, int), np.tile([0.7, 0.3], (5, 1)))["roc_auc"] is None
    assert regression_metrics(np.ones(5), np.ones(5))["r2"] is None


def test_regression():
    random = np.random.default_rng(2)
    y, predicted = random.random(100), random.random(100)
    measured = regression_metrics(y, predicted)
    assert measured["loss"] == pytest.approx(mean_squared_error(y, predicted))
    assert measured["r2"] == pytest.approx(r2_score(y, predicted))
    assert measured["rmse"] == pytest.approx(measured["loss"] ** 0.5)
