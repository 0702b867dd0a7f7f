"""LightGBM."""

from __future__ import annotations

import lightgbm
from lightgbm.callback import CallbackEnv, EarlyStopException

from ..progress import Progress, shown_rows
from .task import Task


def fit_lightgbm(task: Task, progress: Progress) -> lightgbm.LGBMModel:
    """Boost until the rounds are done or the validation loss no longer improves."""
    if task.is_classification:
        kind = lightgbm.LGBMClassifier
        metric = ["binary_error", "binary_logloss"] if task.classes == 2 else ["multi_error", "multi_logloss"]
    else:
        kind, metric = lightgbm.LGBMRegressor, ["l2"]

    def watch(env: CallbackEnv) -> None:
        measured = {}
        for part, name, value, *_ in env.evaluation_result_list:
            if name.endswith("error"):
                measured[f"{part}_accuracy"] = 1 - value
            else:
                measured[f"{part}_loss"] = value
        if progress.measured(env.iteration + 1, measured):
            raise EarlyStopException(progress.best_epoch - 1, env.evaluation_result_list)

    model = kind(
        **task.parameters,
        random_state=task.seed,
        n_jobs=task.plan.threads,
        # Equal sums whatever the threads do, so that a seed means one model.
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    if not progress.is_watched:
        # To measure each round would take half as long as to boost.
        model.fit(task.X_train, task.y_train)
        progress.measured(model.n_estimators, {})
        return model
    shown = shown_rows(len(task.y_train))
    model.fit(
        task.X_train,
        task.y_train,
        eval_X=(task.X_train[shown], task.X_validation),
        eval_y=(task.y_train[shown], task.y_validation),
        eval_names=["train", "val"],
        eval_metric=metric,
        callbacks=[watch],
    )
    best = model.booster_.model_to_string(num_iteration=progress.best_epoch)
    model._Booster = lightgbm.Booster(model_str=best)
    return model
