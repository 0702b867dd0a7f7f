"""A batch fed to the core answers as one fed to the whole graph, to the last bit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from cases import CLASSIFIERS, REGRESSORS, mixed

from modelplane_trainer.batch.answers import AnswerReader
from modelplane_trainer.batch.features import Encoder
from modelplane_trainer.batch.scoring import SessionGraph

ROWS = 400


def columns(seed: int) -> dict[str, pa.Array]:
    """Numbers, whole numbers, booleans, texts and times, some missing; what to learn from them."""
    made = mixed(ROWS, seed)
    days = np.random.default_rng(seed).integers(0, 2000, ROWS)
    since = [
        datetime(2019, 12, 29, 23, 59, 59) + timedelta(days=int(each), minutes=int(each)) for each in days
    ]
    return {
        **{name: made[name] for name in ("number", "whole", "flag", "city", "label", "price")},
        "since": pa.array(since, pa.timestamp("ms")),
        "plan": pa.array(np.random.default_rng(seed + 1).choice(["basic", "gold", "platinum plus"], ROWS)),
    }


def odd() -> pa.Table:
    """Rows that training has not seen the like of; a few that no model takes."""
    values = {
        name: array.to_pylist() for name, array in columns(99).items() if name not in ("label", "price")
    }
    for place in range(0, ROWS, 17):
        values["city"][place], values["plan"][place] = "Atlantis", None
    for place in range(5, ROWS, 23):
        values["city"][place], values["number"][place], values["since"][place] = "", None, None
    for place in range(7, ROWS, 91):
        values["number"][place], values["city"][place] = 1e300, "x" * 70_000
    return pa.table(values)


def as_texts(table: pa.Table) -> pa.RecordBatch:
    def cell(value):
        if isinstance(value, datetime):
            return value.isoformat()
        return "" if value is None else f" {value} "

    return pa.record_batch(
        {name: [cell(value) for value in table[name].to_pylist()] for name in table.column_names}
    )


def as_objects(table: pa.Table) -> list[dict]:
    def value_of(value):
        return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value

    return [{name: value_of(value) for name, value in row.items()} for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("target", "framework", "estimator"),
    [("label", *pair) for pair in CLASSIFIERS] + [("price", *pair) for pair in REGRESSORS],
)
def test_the_core_answers_a_block_as_the_whole_graph(store, target, framework, estimator):
    result = store.result(
        store.spec(
            store.parquet(columns(0)),
            target,
            framework,
            estimator,
            exclude_columns=["price" if target == "label" else "label"],
        )
    )
    signature = result["signature"]
    written = store.path("s3://modelplane/jobs/attempts/1/")
    whole = SessionGraph((written / result["files"]["model"]["name"]).read_bytes())
    core = SessionGraph((written / result["files"]["core"]["name"]).read_bytes())
    reader = AnswerReader(signature["output"])
    table = odd()
    blocks = [
        (table.combine_chunks().to_batches()[0], False),
        (as_texts(table), True),
        (as_objects(table), False),
    ]
    for block, is_text in blocks:
        expected = Encoder(signature, is_text).encode(block)
        found = Encoder(signature, is_text, has_core=True).encode(block)
        assert found.faults == expected.faults and len(found.faults) >= 4
        assert found.unseen == expected.unseen and found.unseen["city"] > 10
        assert np.array_equal(found.rows, expected.rows)
        for first, end in ((0, len(found.rows)), (0, 1), (31, 128)):
            theirs = whole.run(expected.feeds(first, end), reader.fetches)
            ours = core.run(found.feeds(first, end), reader.fetches)
            assert all(np.array_equal(ours[name], theirs[name]) for name in reader.fetches)
