"""XGBoost."""

from __future__ import annotations

import xgboost

from ..progress import Progress, shown_rows
from .task import Task


class _Watch(xgboost.callback.TrainingCallback):
    def __init__(self, task: Task, progress: Progress) -> None:
        super().__init__()
        self._is_classification = task.is_classification
        self._progress = progress

    def after_iteration(self, model, epoch: int, evals_log: dict) -> bool:
        train, validation = evals_log["validation_0"], evals_log["validation_1"]
        if self._is_classification:
            loss = next(name for name in train if name.endswith("logloss"))
            error = next(name for name in train if name.endswith("error"))
            return self._progress.measured(
                epoch + 1,
                {
                    "train_loss": train[loss][-1],
                    "val_loss": validation[loss][-1],
                    "train_accuracy": 1 - train[error][-1],
                    "val_accuracy": 1 - validation[error][-1],
                },
            )
        return self._progress.measured(
            epoch + 1, {"train_loss": train["rmse"][-1] ** 2, "val_loss": validation["rmse"][-1] ** 2}
        )


def fit_xgboost(task: Task, progress: Progress) -> xgboost.XGBModel:
    """Boost until the rounds are done or the validation loss no longer improves."""
    if task.is_classification:
        kind = xgboost.XGBClassifier
        metric = ["error", "logloss"] if task.classes == 2 else ["merror", "mlogloss"]
    else:
        kind, metric = xgboost.XGBRegressor, ["rmse"]
    parameters = task.parameters
    if parameters["tree_method"] == "exact":
        parameters.pop("max_bin")
    model = kind(
        **parameters,
        random_state=task.seed,
        n_jobs=task.plan.threads,
        eval_metric=metric,
        callbacks=[_Watch(task, progress)],
        verbosity=0,
    )
    if not progress.is_watched:
        model.set_params(callbacks=None)
        model.fit(task.X_train, task.y_train, sample_weight=task.row_weights, verbose=False)
        progress.measured(model.n_estimators, {})
        return model
    shown = shown_rows(len(task.y_train))
    both = [(task.X_train[shown], task.y_train[shown]), (task.X_validation, task.y_validation)]
    model.fit(task.X_train, task.y_train, sample_weight=task.row_weights, eval_set=both, verbose=False)
    model.callbacks = None
    model._Booster = model.get_booster()[: progress.best_epoch]
    return model
