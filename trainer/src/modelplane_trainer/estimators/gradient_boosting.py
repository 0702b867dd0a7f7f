"""scikit-learn's gradient boosting with exact splits."""

from __future__ import annotations

from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from ..progress import Progress
from .task import Task


def fit_gradient_boosting(
    task: Task, progress: Progress
) -> GradientBoostingClassifier | GradientBoostingRegressor:
    """Boost until the rounds are done or the validation loss no longer improves."""
    kind = GradientBoostingClassifier if task.is_classification else GradientBoostingRegressor
    model = kind(**task.parameters, random_state=task.seed)
    staged = None

    def monitor(round_index: int, fitting, scope: dict) -> bool:
        nonlocal staged
        if staged is None:
            # Lazy: yields the prediction of one more round each time it is asked.
            staged = (
                fitting.staged_predict_proba(task.X_validation)
                if task.is_classification
                else fitting.staged_predict(task.X_validation)
            )
        return progress.step(round_index + 1, raw_train=scope["raw_predictions"], validation=next(staged))

    model.fit(task.X_train, task.y_train, sample_weight=task.row_weights, monitor=monitor)
    model.estimators_ = model.estimators_[: progress.best_epoch]
    model.n_estimators_ = len(model.estimators_)
    return model
