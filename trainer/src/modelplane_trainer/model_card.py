"""What a reader should know of a model before using it (Mitchell et al. 2019), as JSON and as Markdown."""

from __future__ import annotations

from typing import Any

from .dataset import Dataset
from .plan import Plan

_SHOWN_FEATURES = 20
_SHOWN_CATEGORIES = 10


def model_card(
    plan: Plan,
    dataset: Dataset,
    metrics: dict[str, float | None],
    importance: dict[str, Any] | None,
    parameters: dict[str, Any],
    warnings: list[str],
    job_id: str,
) -> dict[str, Any]:
    """The card as JSON.

    Args:
        plan, dataset: what was trained, and on what.
        metrics, importance, parameters: of the version.
        warnings: what the job was warned of.
        job_id: the job that trained it.
    """
    target, described = dataset.target, dataset.description
    return {
        "card_version": 1,
        "model": {
            "framework": plan.framework,
            "estimator": plan.estimator,
            "model_type": target.model_type,
            "calibration": plan.calibration,
            "format": "onnx",
        },
        "target": {"name": target.name, "labels": target.labels},
        "data": {
            "rows_train": described["rows_train"],
            "rows_validation": described["rows_validation"],
            "rows_dropped": described["rows_dropped"],
            "split": described["split"],
            "features": [
                {
                    "name": column.name,
                    "type": column.kind,
                    "missing_share": float(column.missing[dataset.train].mean()),
                    "distinct_categories": len(dataset.categories[column.name])
                    if column.name in dataset.categories
                    else None,
                }
                for column in dataset.features
            ],
            "ignored": described["ignored"],
        },
        "metrics": metrics,
        "importance": importance,
        "parameters": parameters,
        "limits": _limits(plan, dataset, metrics),
        "warnings": warnings,
        "lineage": {
            "job_id": job_id,
            "train_uris": described["train_uris"],
            "validation_uris": described["validation_uris"],
            "library_versions": parameters["library_versions"],
        },
    }


def _limits(plan: Plan, dataset: Dataset, metrics: dict[str, float | None]) -> list[str]:
    """Sentences that hold for this model, not for models in general."""
    described = dataset.description
    limits = []
    if plan.patience is not None:
        limits.append(
            "The validation rows decided when training stopped, so metrics on them are a little too good, "
            "and intervals by them a little too narrow."
        )
    if described["split"]["kind"] == "held_out":
        limits.append(
            "The validation rows were drawn at random from the same files: what changes over time or between "
            "groups was not measured."
        )
    if described["rows_validation"] < 100:
        limits.append(f"Only {described['rows_validation']} validation rows: metrics on them are uncertain.")
    if dataset.target.labels is not None:
        counts = [
            int((dataset.target.values[dataset.train] == place).sum())
            for place in range(len(dataset.target.labels))
        ]
        rarest = min(range(len(counts)), key=counts.__getitem__)
        if counts[rarest] < 0.1 * sum(counts):
            limits.append(
                f"The class '{dataset.target.labels[rarest]}' has only {counts[rarest]} of {sum(counts)} "
                "training rows: accuracy says little about it."
            )
        if plan.calibration is None and plan.parameters.get("class_weight"):
            limits.append(
                "Class weights shift the probabilities away from the shares of the classes; "
                "training_config.calibration corrects that."
            )
    train, validation = metrics["train_loss"], metrics["val_loss"]
    if train is not None and validation is not None and validation > 2 * train:
        limits.append("The validation loss is more than twice the training loss: the model has overfitted.")
    if any(column.kind == "timestamp" for column in dataset.features):
        limits.append("Times later than those it was trained on are outside of what it has seen.")
    if plan.importance != "none":
        limits.append(
            "Importance is of the model, not of the world: of columns that say the same, each may look "
            "useless."
        )
    return limits


def as_markdown(card: dict[str, Any]) -> str:
    """The card for a reader; it begins below the heading that names model and version."""
    model, data = card["model"], card["data"]
    labels = card["target"]["labels"]
    lines = [
        f"A {model['model_type']} model: `{model['estimator']}` of {model['framework']}, "
        f"predicting `{_cell(card['target']['name'])}`"
        + (f" ({', '.join(_cell(label) for label in labels[:_SHOWN_CATEGORIES])})" if labels else "")
        + (f", {model['calibration']} calibration" if model["calibration"] else "")
        + ".",
        "## Data",
        f"{data['rows_train']} training rows, {data['rows_validation']} validation rows "
        f"({_split(data['split'])}), {data['rows_dropped']} rows dropped for want of a target.",
        _table(
            ["feature", "type", "missing"],
            [[each["name"], each["type"], f"{each['missing_share']:.1%}"] for each in data["features"]],
        ),
    ]
    if data["ignored"]:
        lines += [
            "Not used: " + "; ".join(f"`{_cell(name)}` {why}" for name, why in data["ignored"].items()) + "."
        ]
    lines += ["## Metrics", _metrics_table(card["metrics"])]
    lines += ["## Importance", *_importance(card["importance"])]
    lines += [
        "## Parameters",
        _table(
            ["setting", "value"],
            [[name, value] for name, value in card["parameters"].items() if name != "library_versions"],
        ),
        "## Limits",
        "\n".join(f"- {_cell(text)}" for text in card["limits"]),
    ]
    if card["warnings"]:
        lines += ["## Warnings of the job", "\n".join(f"- {_cell(text)}" for text in card["warnings"])]
    lineage = card["lineage"]
    uris = [*lineage["train_uris"], *(lineage["validation_uris"] or [])]
    versions = ", ".join(f"{name} {number}" for name, number in lineage["library_versions"].items())
    lines += [
        "## Lineage",
        f"Job `{lineage['job_id']}`; files: {', '.join(f'`{_cell(uri)}`' for uri in uris[:20])}"
        + (f" and {len(uris) - 20} more" if len(uris) > 20 else "")
        + f". Libraries: {versions}.",
    ]
    return "\n\n".join(lines) + "\n"


def _importance(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["Not asked for."]
    measured = [each for each in found["features"] if each["mean"] is not None]
    match found["method"]:
        case "gain":
            how = f"The feature's share of the gain of all splits, made on {found['rows']} training rows."
        case "coefficient":
            how = (
                "Standard deviation of the feature's term (its coefficients times its scaled values) over "
                f"{found['rows']} training rows."
            )
        case _:
            how = (
                f"Increase in {found['metric'].replace('_', ' ')} (now {found['loss']:.4g}) when the column "
                f"is shuffled over {found['rows']} validation rows, mean and standard deviation of "
                f"{found['repeats']} repeats."
            )
    left_out = [f"{count} {what}" for what, count in found["left_out"].items() if count]
    if left_out:
        how += f" The time did not suffice for {', '.join(left_out)}."
    rows = [
        [each["name"], _number(each["mean"]), _number(each["std"])] for each in measured[:_SHOWN_FEATURES]
    ]
    return [how, _table(["feature", "mean", "std"], rows)]


def _split(split: dict[str, Any]) -> str:
    if split["kind"] == "validation_files":
        return "files of their own"
    how = "stratified by class" if split["stratified"] else "at random"
    return f"{split['share']:.0%} held out {how}, seed {split['seed']}"


def _metrics_table(metrics: dict[str, float | None]) -> str:
    names = list(dict.fromkeys(name.split("_", 1)[1] for name in metrics))
    rows = [[name, *(_number(metrics.get(f"{part}_{name}")) for part in ("train", "val"))] for name in names]
    return _table(["metric", "training", "validation"], rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _table(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """Text from the data that cannot break the page: no new lines, columns, markup or HTML."""
    text = " ".join(str(value).split())
    for mark in "\\|`*_<[#":
        text = text.replace(mark, f"\\{mark}") if mark != "<" else text.replace(mark, "&lt;")
    return text
