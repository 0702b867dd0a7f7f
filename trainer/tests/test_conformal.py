"""Conformal prediction and thresholds against plain loops, scikit-learn and what coverage means."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from modelplane_trainer import conformal


def draws(rows, classes=3, seed=0):
    """Probabilities and classes that were drawn with them."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.7), rows)
    truth = (probabilities.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    return truth, probabilities


@pytest.mark.parametrize("coverage", [0.5, 0.55, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("count", [19, 20, 99, 1000, 1001, 4321])
def test_quantiles_are_the_corrected_order_statistics(count, coverage):
    scores = np.random.default_rng(count).exponential(size=count)
    # Whole numbers of hundredths, so that no rounding takes part.
    rank = -(-(count + 1) * round(coverage * 100) // 100)
    found = conformal.quantile_of(conformal.score_table(scores), coverage)
    if rank > count:
        assert found is None
    elif count <= conformal.MOST_SCORES:
        assert found == np.sort(scores)[rank - 1]
    else:
        found_rank = int((scores <= found).sum())
        assert rank <= found_rank <= rank + count / conformal.MOST_SCORES + 1


def test_sets_and_scores_are_those_of_a_plain_loop():
    truth, probabilities = draws(300, classes=5)
    probabilities[7] = 0.2
    scores = conformal.class_scores(truth, probabilities)
    order, inside = conformal.members(probabilities, 0.8)
    for row, each in enumerate(probabilities):
        ranked = sorted(range(5), key=lambda index: (-each[index], index))
        before, expected = 0.0, []
        for place, index in enumerate(ranked):
            score = before + each[index] / 2
            before += each[index]
            if index == truth[row]:
                assert scores[row] == score
            if place == 0 or score <= 0.8:
                expected.append(index)
        assert order[row][inside[row]].tolist() == expected


def test_tied_classes_come_in_the_order_in_which_they_are_answered():
    order, inside = conformal.members(np.array([[0.4999996, 0.5000004]]), 0.5)
    assert order.tolist() == [[0, 1]] and inside.tolist() == [[True, False]]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("coverage", [0.85, 0.9, 0.95])
def test_sets_cover_fresh_rows(classes, coverage):
    truth, probabilities = draws(40_000, classes)
    calibration, _ = conformal.calibrate(truth[:20_000], probabilities[:20_000], seed=0)
    quantile = conformal.quantile_of(calibration["scores"], coverage)
    covered = conformal.inside_of(probabilities[20_000:], quantile, truth[20_000:])
    assert covered.mean() == pytest.approx(coverage, abs=0.01)
    for each in calibration["measured"]:
        assert each["measured"] == pytest.approx(each["coverage"], abs=0.01) or each["coverage"] == 0.8


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_intervals_cover_fresh_rows_and_are_wide_where_answers_are_far_off(coverage):
    random = np.random.default_rng(3)
    answers = random.uniform(0, 10, 20_000)
    truth = answers + random.normal(size=len(answers)) * (0.1 + answers / 4)
    calibration, curve = conformal.calibrate(truth[:10_000], answers[:10_000], seed=0)
    assert curve is None
    quantile = conformal.quantile_of(calibration["scores"], coverage)
    lower, upper = conformal.interval(answers[10_000:], quantile, calibration["spread"])
    covered = (lower <= truth[10_000:]) & (truth[10_000:] <= upper)
    assert covered.mean() == pytest.approx(coverage, abs=0.01)
    small, large = answers[10_000:] < 2, answers[10_000:] > 8
    assert (upper - lower)[large].mean() > 3 * (upper - lower)[small].mean()
    assert covered[small].mean() == pytest.approx(coverage, abs=0.06)


def test_few_rows_have_intervals_of_one_width_and_exact_answers_none():
    random = np.random.default_rng(3)
    answers = random.uniform(0, 10, conformal.FEWEST_SPREAD_ROWS - 1)
    truth = answers + random.normal(size=len(answers))
    calibration, _ = conformal.calibrate(truth, answers, seed=0)
    assert calibration["spread"] is None and calibration["scores"]["count"] == len(answers)
    assert np.array(calibration["scores"]["scores"]) == pytest.approx(np.sort(np.abs(truth - answers)))
    exact, _ = conformal.calibrate(np.arange(900.0), np.arange(900.0), seed=0)
    assert exact["spread"] is None and set(exact["scores"]["scores"]) == {0.0}
    one, _ = conformal.calibrate(np.array([1.0]), np.array([2.0]), seed=0)
    assert one["scores"] == {"count": 1, "scores": [1.0]} and one["measured"] == []


def test_of_very_many_rows_some_are_drawn(monkeypatch):
    monkeypatch.setattr(conformal, "MOST_ROWS", 700)
    truth, probabilities = draws(2_000, classes=2)
    calibration, curve = conformal.calibrate(truth, probabilities, seed=1)
    assert calibration["rows"] == calibration["scores"]["count"] == 700
    assert curve["positives"] + curve["negatives"] == 700
    assert calibration == conformal.calibrate(truth, probabilities, seed=1)[0]
    assert calibration != conformal.calibrate(truth, probabilities, seed=2)[0]


def test_the_curve_counts_what_scikit_learn_counts():
    truth, probabilities = draws(400, classes=2)
    found = probabilities[:, 1].round(2) * 0.99
    curve = conformal.threshold_curve(truth, found)
    hits, misses = np.array(curve["true_positives"]), np.array(curve["false_positives"])
    precision, recall, _ = precision_recall_curve(truth, found)
    assert hits[1:] / curve["positives"] == pytest.approx(recall[:-1][::-1])
    assert (hits / (hits + misses).clip(1))[1:] == pytest.approx(precision[:-1][::-1])
    rates, recalls, _ = roc_curve(truth, found, drop_intermediate=False)
    assert misses / curve["negatives"] == pytest.approx(rates)
    assert hits / curve["positives"] == pytest.approx(recalls)
    for threshold, hit, miss in zip(curve["thresholds"], hits, misses, strict=True):
        answered = found >= threshold
        assert (answered & (truth == 1)).sum() == hit and (answered & (truth == 0)).sum() == miss


def test_the_curve_of_many_rows_is_bounded_and_keeps_its_ends():
    truth, probabilities = draws(5_000, classes=2)
    curve = conformal.threshold_curve(truth, probabilities[:, 1])
    assert len(curve["thresholds"]) == conformal.MOST_POINTS
    assert curve["thresholds"] == sorted(curve["thresholds"], reverse=True)
    assert curve["true_positives"][0] == 0 and curve["true_positives"][-1] == curve["positives"]
    assert curve["thresholds"][-1] == 0.0 and curve["false_positives"][-1] == curve["negatives"]
