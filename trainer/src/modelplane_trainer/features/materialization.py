"""One attempt to put the newest values of views into the online store, view by view."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..contracts import invalid
from ..events import EventWriter
from ..storage import Store
from . import aggregations, rendering
from .database import Database
from .online_store import OnlineStore, Written
from .rules import Values
from .types_in_files import feature_fields, in_file
from .view_rows import (
    Input,
    Interval,
    fits_key,
    has_key,
    instant_of,
    key_columns,
    rows_of,
    text_of,
)

_COMMANDS_AT_ONCE = 4_096
_QUARANTINED_AT_ONCE = 65_536
_MOST_MEASURED_KEYS = 100


def materialize(
    spec: dict[str, Any], events: EventWriter, store: Store, redis_url: str | None
) -> dict[str, Any]:
    """Write all views of a specification.

    Args:
        spec: contracts/features-spec.v1.schema.json, kind materialization.
        events, store: where to tell it, where sources lie.
        redis_url: of the online store.

    Returns:
        The result of the `succeeded` event.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    if not redis_url:
        raise invalid("nobody has said where the online store is")
    events.started(workers=spec["threads"], gpus=0)
    pa.set_cpu_count(spec["threads"])
    results = []
    with OnlineStore(redis_url, events.warning) as online:
        for done, each in enumerate(spec["views"]):
            events.progress(views_done=done, views_total=len(spec["views"]), metrics={})
            with Database(spec["limits"]["memory_bytes"], spec["threads"]) as database:
                results.append(_View(spec, each, events, store, online, database).result())
    events.progress(views_done=len(results), views_total=len(results), metrics={})
    return {"views": results}


class _View:
    def __init__(
        self,
        spec: dict[str, Any],
        wanted: dict[str, Any],
        events: EventWriter,
        store: Store,
        online: OnlineStore,
        database: Database,
    ) -> None:
        self._view, self._prefix = wanted["view"], wanted["key_prefix"]
        self._start = None if wanted["start"] is None else instant_of(wanted["start"])
        self._end = instant_of(wanted["end"])
        self._output_uri = spec["output_uri"]
        self._events, self._store, self._online, self._database = events, store, online, database
        self._is_aggregated = bool(self._view["aggregations"])
        self._features = self._view["aggregations"] or self._view["features"]
        self._keys = ", ".join(key_columns(self._view))

    def result(self) -> dict[str, Any]:
        name = self._view["name"]
        self._events.phase(f"read {name}")
        counts = self._read_aggregated() if self._is_aggregated else self._read_plain()
        self._events.phase(f"compute {name}")
        values = Values(self._database, "rows", self._view, self._features)
        statistics, infinite = values.measure()
        violations = values.violations(statistics)
        quarantined, file = self._apply(values, violations)
        for feature, rows in infinite.items():
            self._events.warning(
                f"View {name}: {feature} is infinite in {rows:,} rows, and null online there."
            )
        chosen = self._choose()
        entities = self._database.row(f"SELECT count(*) AS n FROM {chosen}")["n"]
        self._events.phase(f"write {name}")
        written = self._write(chosen, entities)
        return {
            "name": name,
            "version": self._view["version"],
            **counts,
            "entities": entities,
            **vars(written),
            "quarantined": quarantined,
            "quarantine_file": file,
            "non_finite": infinite,
            "violations": violations,
            "bytes_per_entity": self._bytes_per_entity(chosen),
            "statistics": statistics,
        }

    def _read_plain(self) -> dict[str, Any]:
        """The rows of the interval, as the table `rows`."""
        inputs = [
            Input(f"f{at}", feature["name"], feature["type"]) for at, feature in enumerate(self._features)
        ]
        interval = Interval(self._start, self._end, created_counts=True, until_created=self._end)
        with rows_of(
            self._database, self._store, self._view, inputs, interval, {}, self._events.warning
        ) as rows:
            self._database.run(f"CREATE TABLE rows AS SELECT * FROM {rows} WHERE {interval.condition()}")
        return self._with_keys("count(*)", "event")

    def _read_aggregated(self) -> dict[str, Any]:
        """A row an entity that has events, as the table `rows`."""
        inputs = aggregations.inputs_of(self._features)
        longest = aggregations.longest_window(self._view)
        interval = Interval(self._end - longest, self._end, until_created=self._end)
        computed = aggregations.expressions(self._features, inputs, longest, str(self._end))
        features = ", ".join(f"{sql} AS f{at}" for at, sql in enumerate(computed))
        with rows_of(
            self._database,
            self._store,
            self._view,
            inputs,
            interval,
            aggregations.conditions_of(self._features),
            self._events.warning,
        ) as rows:
            self._database.run(
                f"CREATE TABLE rows AS SELECT {self._keys}, {self._end} AS event, NULL::BIGINT AS created, "
                f"NULL::BIGINT AS expires, max(event) AS newest, count(*) AS n, {features} "
                f"FROM {rows} WHERE {interval.condition()} GROUP BY {self._keys}"
            )
        return self._with_keys("sum(n)", "newest")

    def _with_keys(self, rows: str, newest: str) -> dict[str, Any]:
        """Leaves out what no request can ask for, and counts.

        Args:
            rows: SQL of how many rows of the sources some rows of the table stand for.
            newest: the column of their newest event time.
        """
        whole, fits = has_key(self._view), fits_key(self._view)
        found = self._database.row(
            f"SELECT {rows} AS rows, {rows} FILTER (WHERE NOT ({whole})) AS without, "
            f"{rows} FILTER (WHERE {whole} AND NOT {fits}) AS unfit, "
            f"max({newest}) FILTER (WHERE {whole} AND {fits}) AS newest FROM rows"
        )
        if found["without"] or found["unfit"]:
            self._database.run(f"DELETE FROM rows WHERE NOT ({whole}) OR NOT {fits}")
        if found["unfit"]:
            self._events.warning(
                f"View {self._view['name']}: {found['unfit']:,} rows have a key that is empty or longer than "
                "512 bytes, which no request can ask for, and were left out."
            )
        return {
            "rows_read": int(found["rows"] or 0),
            "rows_skipped_null_key": int(found["without"] or 0),
            "newest_event_time": text_of(found["newest"]),
        }

    def _apply(self, values: Values, violations: list[dict[str, Any]]) -> tuple[int, dict[str, Any] | None]:
        """What the view says of broken rules. Answers how many rows it put aside, and the file of them."""
        how = self._view["on_failure"]
        if how == "block":
            values.refuse(violations)
        elif how == "warn":
            values.warn(violations, self._events, "")
        else:
            values.refuse([each for each in violations if each["rule"] == "max_missing_share"])
            if violations:
                values.warn(violations, self._events, ", which were put in quarantine")
                return self._quarantine(values)
        return 0, None

    def _quarantine(self, values: Values) -> tuple[int, dict[str, Any]]:
        view = self._view
        keys = [
            pa.field(key["name"], pa.int64() if key["type"] == "int64" else pa.large_string())
            for key in view["keys"]
        ]
        times = [
            pa.field(name, pa.timestamp("us", "UTC")) for name in ("event_timestamp", "created", "expires")
        ]
        schema = pa.schema(
            [*keys, *times, *feature_fields(self._features), pa.field("broken_rules", pa.list_(pa.string()))]
        )
        columns = [*key_columns(view), "event", "created", "expires"]
        columns += [f"f{at}" for at in range(len(self._features))]
        query = (
            f"SELECT {', '.join(columns)}, {values.broken()} AS broken FROM rows WHERE {values.any_broken()}"
        )
        written = self._store.create(
            f"{self._output_uri}quarantine-{view['name']}-v{view['version']}.parquet"
        )
        rows = 0
        try:
            with (
                pq.ParquetWriter(written, schema, compression="zstd") as writer,
                self._database.reader(query, _QUARANTINED_AT_ONCE) as batches,
            ):
                for batch in batches:
                    arrays = [
                        in_file(column, field) for column, field in zip(batch.columns, schema, strict=True)
                    ]
                    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                    rows += len(batch)
            file = written.publish()
        finally:
            written.discard()
        self._database.run(f"DELETE FROM rows WHERE {values.any_broken()}")
        return rows, file

    def _choose(self) -> str:
        """A relation of the rows that are written: of an entity the newest."""
        if self._is_aggregated:
            return "rows"
        self._database.run(
            "CREATE TABLE newest AS SELECT place FROM rows QUALIFY row_number() OVER "
            f"(PARTITION BY {self._keys} ORDER BY event DESC, created DESC NULLS LAST, place DESC) = 1"
        )
        return "(SELECT * FROM rows WHERE place IN (SELECT place FROM newest))"

    def _write(self, chosen: str, entities: int) -> Written:
        expiry = rendering.forget_at(self._view)
        if self._is_aggregated:
            expiry = rendering.forget_aggregated_at(aggregations.longest_window(self._view))
        query = rendering.commands(
            self._online.sha,
            rendering.online_key(self._view, self._prefix),
            rendering.online_value(self._view, self._features),
            expiry,
            chosen,
        )
        return self._online.write(
            lambda: self._database.reader(query, _COMMANDS_AT_ONCE),
            lambda done: self._events.step(done, entities, "entities"),
        )

    def _bytes_per_entity(self, chosen: str) -> float | None:
        key = rendering.online_key(self._view, self._prefix)
        keys = self._database.rows(f"SELECT {key} FROM {chosen} LIMIT {_MOST_MEASURED_KEYS}")
        return self._online.bytes_of([each for (each,) in keys])
