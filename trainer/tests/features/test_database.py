"""The DuckDB of a job: its limits, and what it may reach."""

import duckdb
import pyarrow as pa
import pytest

from modelplane_trainer.failures import JobFailure
from modelplane_trainer.features.database import Database


def test_what_exceeds_the_memory_goes_to_the_disk_and_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Database(80 << 20, 1) as database:
        database.run("CREATE TABLE numbers AS SELECT range AS a, range * 7 AS b FROM range(6_000_000)")
        assert sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file()) > 10_000_000
        assert database.row("SELECT sum(b) AS b FROM numbers")["b"] == 7 * 6_000_000 * 5_999_999 // 2
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_at_all_says_what_to_do():
    with (
        Database(20 << 20, 1) as database,
        pytest.raises(JobFailure, match="ask for a higher limit") as failure,
    ):
        database.run("SELECT list(range) FROM range(10_000_000)")
    assert failure.value.code == "OUT_OF_MEMORY"


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM read_text('/etc/hostname')", "ATTACH '/tmp/x.db'", "SET threads = 9"]
)
def test_a_statement_reaches_nothing_outside(statement):
    with Database(1 << 28, 1) as database, pytest.raises(duckdb.Error):
        database.run(statement)


def test_what_a_stream_raises_is_raised_by_the_statement_that_reads_it():
    schema = pa.schema([("a", pa.int64())])

    def batches():
        yield pa.record_batch({"a": [1]})
        raise JobFailure("DATA_UNFIT", "something else")

    with (
        Database(1 << 28, 1) as database,
        pytest.raises(JobFailure, match="something else"),
        database.stream("numbers", schema, batches()),
    ):
        database.run("CREATE TABLE kept AS SELECT * FROM numbers")
