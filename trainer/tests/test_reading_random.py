"""Any table in any form is read alike in training, in a batch and singly."""

import json
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from agreement import Agreement, Reading


def random_table(random):
    """Columns of values, and how a CSV file shall write them."""
    rows = int(random.integers(25, 90))
    columns = {}
    for at in range(int(random.integers(1, 5))):
        kind = random.choice(["number", "integer", "text", "boolean", "time", "mixed case"])
        gaps = random.random(rows) < random.choice([0, 0.1, 0.6])
        values = {
            "number": lambda: np.round(random.normal(0, 10.0 ** random.integers(-2, 7), rows), 3).tolist(),
            "integer": lambda: random.integers(-(10**6), 10**6, rows).tolist(),
            "text": lambda: random.choice(
                ["a", "b c", 'q"t', "x,y", "ü;|", "line\nend", "NA", "-"], rows
            ).tolist(),
            "boolean": lambda: (random.random(rows) < 0.5).tolist(),
            "time": lambda: [
                datetime(2000, 1, 1) + timedelta(seconds=int(each))
                for each in random.integers(0, 10**9, rows)
            ],
            "mixed case": lambda: random.choice(["True", "yes", "No", "0", "1"], rows).tolist(),
        }[kind]()
        columns[f"c{at}"] = [None if gap else value for gap, value in zip(gaps, values, strict=True)]
    columns["y"] = (np.arange(rows) % 2).tolist()
    return columns


def cell_of(value, form):
    if value is None:
        return form["missing"]
    if isinstance(value, bool):
        return form["true"] if value else form["false"]
    if isinstance(value, datetime):
        return value.strftime(form["time"])
    if isinstance(value, float):
        text = f"{value:,.3f}" if form["thousands"] else f"{value:.3f}"
        return text.replace(",", "\0").replace(".", form["decimal"]).replace("\0", form["thousands"])
    return str(value)


def written(random, columns):
    """The same table as CSV of a random dialect."""
    decimal, thousands = [(".", ""), (",", ""), (",", "."), (".", ","), (".", "'")][random.integers(5)]
    form = {
        "missing": str(random.choice(["", " ", "NA", "n/a", "NULL"])),
        "true": str(random.choice(["true", "TRUE", "True"])),
        "false": str(random.choice(["false", "False"])),
        "time": str(random.choice(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00"])),
        "decimal": decimal,
        "thousands": thousands,
    }
    separator = str(random.choice([",", ";", "\t", "|"]))
    end = str(random.choice(["\n", "\r\n", "\r"]))
    before, after = " " * int(random.integers(0, 3)), str(random.choice(["", separator]))
    quotes_all = random.random() < 0.5

    def quoted(text):
        if quotes_all or any(each in text for each in (separator, '"', "\n", "\r")):
            return '"' + text.replace('"', '""') + '"'
        return text

    rows = [list(columns), *zip(*columns.values(), strict=True)]
    text = end.join(
        (separator + before).join(quoted(cell_of(cell, form)) for cell in row) + after for row in rows
    )
    text += str(random.choice(["", end]))
    return text.encode(str(random.choice(["utf-8", "utf-8-sig", "utf-16"])))


@pytest.mark.parametrize("seed", range(120))
def test_any_table_is_read_alike_in_training_in_a_batch_and_singly(store, seed):
    random = np.random.default_rng(seed)
    columns = random_table(random)
    form = ["csv", "csv", "parquet", "jsonl"][seed % 4]
    if form == "csv":
        files = store.text(written(random, columns))
    elif form == "parquet":
        files = store.parquet({name: pa.array(values) for name, values in columns.items()})
    else:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        content = "".join(json.dumps(row, default=lambda value: value.isoformat()) + "\n" for row in rows)
        files = store.text(content, "s3://data/a.jsonl")
    read = Reading(store, files, block_bytes=int(random.choice([300, 8 << 20])), keeps_all=True)
    assert read.errors == {}
    for name, values in columns.items():
        if name == "y" or name not in read.columns:
            continue
        column = read.columns[name]
        if column.kind in ("number", "integer") and isinstance(next(filter(None, values), 0.0), float | int):
            if any(f"'{name}' has commas before three digits only" in each for each in read.warnings):
                continue
            expected = [np.nan if value is None else value for value in values]
            assert np.allclose(column.numbers, expected, equal_nan=True)


@pytest.mark.parametrize("seed", range(6))
def test_a_trained_model_answers_alike_in_a_batch_singly_and_in_python(store, seed):
    random = np.random.default_rng(seed)
    rows = 120
    columns = {
        "n": [None if random.random() < 0.1 else round(float(each), 3) for each in random.normal(0, 9, rows)],
        "t": random.choice(["a", "b c", 'q"t', "x,y", "NA"], rows).tolist(),
        "b": (random.random(rows) < 0.5).tolist(),
        "y": (np.arange(rows) % 2).tolist(),
    }
    estimator = ["hist_gradient_boosting", "logistic_regression", "random_forest"][seed % 3]
    Agreement(store, store.text(written(random, columns)), estimator=estimator).check()
