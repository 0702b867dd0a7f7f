"""Joins features to rows as of the time of each, in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from ..events import EventWriter
from ..expressions import timestamps
from ..failures import column_not_found, unfit
from ..storage import Store
from . import aggregations
from .database import Database
from .entity_rows import EntityRows
from .on_demand import OnDemand, stored_of
from .rules import literal, non_finite
from .sources import Block, Warn, numbered, stream
from .types_in_files import feature_fields, in_file
from .values import LARGEST_EXACT, Column, element_of
from .view_rows import Input, Interval, key_columns, rows_of

_ROWS_AT_ONCE = 262_144
_CELLS_AT_ONCE = 16_000_000
_FEWEST_ROWS = 4_096


class Join:
    """Entity rows with the features that were known at the time of each.

    Of a plain view: of the rows of the same key whose event time is not later than the row's time, and which
    were not created later, the one with the greatest event time, time of creation and place in the files.
    Where that is older than the view's ttl, or has expired, its values do not count. Of aggregations: events
    of the window that ends at the row's time.

    Args:
        database: holds what is computed on the way.
        store: resolves the URIs of views.
        rows_from: resolves those of the entity rows.
        join: `join` of contracts/features-spec.v1.schema.json.
        warn: told about what was odd but readable.
        told: told what begins, in words.

    Attributes:
        schema: the columns of the entity rows, then the features in `output_order`.
        rows: how many.
        views: of each view, matched, missing and expired rows.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        rows_from: Store,
        join: dict[str, Any],
        warn: Warn,
        told: Callable[[str], None],
    ) -> None:
        self._database, self._store, self._warn = database, store, warn
        told("read entity rows")
        self._entities = EntityRows(rows_from, join["entity_rows"], warn)
        self._join = _without(join, self._entities.schema.names) if join.get("keep_given") else join
        self._keys = list(
            dict.fromkeys((key["name"], key["type"]) for view in join["views"] for key in view["keys"])
        )
        self._features = [self._wanted(number) for number in range(len(join["views"]))]
        self.schema = self._schema()
        self._read_rows()
        found = database.row("SELECT count(*) AS rows, min(t) AS first, max(t) AS last FROM entities")
        self.rows, self._first, self._last = found["rows"], found["first"] or 0, found["last"] or 0
        self.views = []
        for number, view in enumerate(join["views"]):
            told(f"compute {view['name']}")
            self.views.append(self._join_view(number, view))

    def tables(self) -> Iterator[pa.Table]:
        """All rows in their order, some hundred thousand at once."""
        size = max(_FEWEST_ROWS, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // len(self.schema)))
        computed = [OnDemand(each) for each in self._join["on_demand"]]
        first = 0
        for table in self._entities.tables(size):
            joined = self._database.table(self._selection(first, first + len(table)))
            found = {each["name"]: joined.column(f"o{at}") for at, each in enumerate(self._join["columns"])}
            for each in computed:
                values = {place: joined.column(self._bound(*place)[1]) for place in each.stored}
                found[each.name] = each.of(table, values, first)
            for name in self._join["output_order"]:
                field = self.schema.field(name)
                table = table.append_column(field, in_file(found[name], field))
            yield table
            first += len(table)
        for each in computed:
            each.refuse()

    def _wanted(self, number: int) -> list[dict[str, Any]]:
        """The features of a view that are asked for, each once."""
        view = self._join["views"][number]
        bound = (each for computed in self._join["on_demand"] for each in computed["bindings"].values())
        names = dict.fromkeys(
            each["feature"] for each in (*self._join["columns"], *bound) if each.get("view") == number
        )
        by_name = {each["name"]: each for each in [*view["features"], *view["aggregations"]]}
        return [by_name[name] for name in names]

    def _schema(self) -> pa.Schema:
        entities = self._entities.schema
        bound = [each for computed in self._join["on_demand"] for each in computed["bindings"].values()]
        needed = [
            *(name for name, _ in self._keys),
            *self._time_columns,
            *(each["request"] for each in bound if "request" in each),
        ]
        absent = [name for name in dict.fromkeys(needed) if name not in entities.names]
        if absent:
            raise column_not_found("entity_rows", absent, entities.names)
        taken = [name for name in self._join["output_order"] if name in entities.names]
        if taken:
            raise unfit(
                f"entity_rows has a column '{taken[0]}', which is also the name of a feature; rename one."
            )
        fields = {each.name: each for each in feature_fields(self.outputs)}
        return pa.schema([*entities, *(fields[name] for name in self._join["output_order"])])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Name and type of each feature of the output."""
        return [
            {"name": each["name"], "type": self._place(each["view"], each["feature"])[1]}
            for each in self._join["columns"]
        ] + self._join["on_demand"]

    def _place(self, view: int, feature: str) -> tuple[str, str]:
        """SQL of a feature in the table of its view, and its type."""
        at = [each["name"] for each in self._features[view]].index(feature)
        return f"v{view}.f{at}", self._features[view][at]["type"]

    def _bound(self, view: int, feature: str) -> tuple[str, str]:
        """SQL of a feature as expressions read it, and the column of a selection that holds it."""
        place, kind = self._place(view, feature)
        return _finite(place, kind), place.replace(".", "_")

    @property
    def _time_columns(self) -> list[str]:
        name = self._join["timestamp_column"]
        return [] if name is None else [name]

    def _read_rows(self) -> None:
        """Number, time and keys of each, as the table `entities`."""
        columns = [
            *(("t", Column("entity_rows", name, "timestamp", LARGEST_EXACT)) for name in self._time_columns),
            *((f"e{at}", Column("entity_rows", name, kind)) for at, (name, kind) in enumerate(self._keys)),
        ]
        names = [column.name for _, column in columns]

        def more(block: Block, first: int) -> dict[str, pa.Array]:
            return {"row": numbered(first, block.rows)}

        schema, batches = stream(columns, self._entities.blocks(names), more, [("row", pa.int64())])
        with self._database.stream("entity_rows", schema, batches):
            time = "" if self._time_columns else f", {timestamps.parse(self._join['as_of'])} AS t"
            self._database.run(f"CREATE TABLE entities AS SELECT *{time} FROM entity_rows")
        ((timeless, first),) = self._database.rows("SELECT count(*), min(row) FROM entities WHERE t IS NULL")
        if timeless:
            raise unfit(
                f"entity_rows: {timeless:,} rows have no time in '{names[0]}', the first row {first}: "
                "features are joined as of a time."
            )

    def _join_view(self, number: int, view: dict[str, Any]) -> dict[str, Any]:
        """The features of all rows as a table of the view's own."""
        names = key_columns(view)
        own = [
            f"e{self._keys.index((key['name'], key['type']))} AS {name}"
            for key, name in zip(view["keys"], names, strict=True)
        ]
        self._database.run(f"CREATE OR REPLACE TABLE asking AS SELECT row, t, {', '.join(own)} FROM entities")
        if view["aggregations"]:
            self._aggregate(number, view)
        else:
            self._pick(number, view)
        self._tell_infinite(number, view)
        counts = self._database.row(
            "SELECT count(*) FILTER (WHERE found AND NOT expired) AS matched, "
            "count(*) FILTER (WHERE NOT found) AS missing, "
            f"count(*) FILTER (WHERE expired) AS expired FROM v{number}"
        )
        return {"name": view["name"], "version": view["version"], **counts}

    def _pick(self, number: int, view: dict[str, Any]) -> None:
        """The row of a plain view that counts for each entity row."""
        wanted = self._features[number]
        inputs = [Input(f"f{at}", each["name"], each["type"]) for at, each in enumerate(wanted)]
        ignores = self._join["ignore_created"]
        interval = Interval(None, self._last, until_created=None if ignores else self._last)
        names = key_columns(view)
        keys, whole = ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
        features = "".join(f", {each.name}" for each in inputs)
        run = self._database.run
        run(
            f"CREATE TABLE keys AS SELECT row_number() OVER () AS key, {keys} "
            f"FROM (SELECT DISTINCT {keys} FROM asking WHERE {whole})"
        )
        run(f"CREATE TABLE asked AS SELECT row, t, key FROM asking JOIN keys USING ({keys})")
        with rows_of(self._database, self._store, view, inputs, interval, {}, self._warn) as rows:
            run(
                f"CREATE TABLE known AS SELECT key, event, created, expires, place{features} "
                f"FROM {rows} JOIN keys USING ({keys}) WHERE {interval.condition()}"
            )
        # From when on a row can count; the best one from then on is the greatest of those so far.
        known_from = "event" if ignores else "greatest(event, created)"
        run(
            f"CREATE TABLE ranked AS SELECT key, {known_from} AS known_from, place, row_number() OVER "
            "(PARTITION BY key ORDER BY event, created NULLS FIRST, place) AS rank FROM known"
        )
        run(
            "CREATE TABLE best AS SELECT key, known_from, max(rank) OVER so_far AS rank FROM ranked "
            "WINDOW so_far AS (PARTITION BY key ORDER BY known_from, rank) "
            "QUALIFY lead(known_from) OVER so_far IS DISTINCT FROM known_from"
        )
        run(
            "CREATE TABLE picked AS SELECT row, t, place FROM ranked JOIN "
            "(SELECT asked.row, asked.t, best.key, best.rank FROM asked ASOF JOIN best "
            "ON asked.key = best.key AND asked.t >= best.known_from) USING (key, rank)"
        )
        ttl = view["ttl_seconds"]
        is_old = [] if ttl is None else [f"event < t - {ttl * aggregations.MICROSECONDS}"]
        expired = f"coalesce({' OR '.join([*is_old, 'expires <= t'])}, false)"
        values = "".join(f", CASE WHEN NOT {expired} THEN {each.name} END AS {each.name}" for each in inputs)
        run(
            f"CREATE TABLE v{number} AS SELECT row, place IS NOT NULL AS found, coalesce(expired, false) AS "
            f"expired{features} FROM entities LEFT JOIN (SELECT row, place, {expired} AS expired{values} "
            "FROM known JOIN picked USING (place)) USING (row) ORDER BY row"
        )
        for name in ("keys", "asked", "known", "ranked", "best", "picked"):
            run(f"DROP TABLE {name}")

    def _aggregate(self, number: int, view: dict[str, Any]) -> None:
        """What the aggregations are at the time of each entity row."""
        wanted = self._features[number]
        inputs = aggregations.inputs_of(wanted)
        longest = aggregations.longest_window(view)
        ignores = self._join["ignore_created"]
        interval = Interval(self._first - longest, self._last, until_created=None if ignores else self._last)
        keys = ", ".join(key_columns(view))
        # Time is cut into pieces as long as the longest window: a window lies in two of them, so that an
        # event meets few rows whose window it is not in.
        piece = f"({{}} + {LARGEST_EXACT}) // {longest}"
        run = self._database.run
        run(
            f"CREATE TABLE windows AS SELECT row, t, {keys}, piece - unnest([0, 1]) AS piece "
            f"FROM (SELECT *, {piece.format('t')} AS piece FROM asking)"
        )
        computed = aggregations.expressions(wanted, inputs, longest, "t")
        values = "".join(f", {sql} AS f{at}" for at, sql in enumerate(computed))
        created = "" if ignores else " AND (created IS NULL OR created <= t)"
        where = aggregations.conditions_of(wanted)
        with rows_of(self._database, self._store, view, inputs, interval, where, self._warn) as rows:
            run(
                f"CREATE TABLE aggregated AS SELECT row{values} FROM "
                f"(SELECT *, {piece.format('event')} AS piece FROM {rows} WHERE {interval.condition()}) "
                f"JOIN windows USING ({keys}, piece) "
                f"WHERE event > t - {longest} AND event <= t{created} GROUP BY row"
            )
        values = "".join(
            f", coalesce(f{at}, {aggregations.empty_value(each)}) AS f{at}" for at, each in enumerate(wanted)
        )
        run(
            f"CREATE TABLE v{number} AS SELECT row, aggregated.row IS NOT NULL AS found, false AS expired"
            f"{values} FROM entities LEFT JOIN aggregated USING (row) ORDER BY row"
        )
        for name in ("windows", "aggregated"):
            run(f"DROP TABLE {name}")

    def _tell_infinite(self, number: int, view: dict[str, Any]) -> None:
        for at, each in enumerate(self._features[number]):
            counted = non_finite(f"f{at}", each["type"])
            if counted is None:
                continue
            ((rows,),) = self._database.rows(f"SELECT {counted} FROM v{number}")
            if rows:
                self._warn(
                    f"View {view['name']}: {each['name']} is infinite in {rows:,} values, which are null, as "
                    "they are online."
                )

    def _selection(self, first: int, end: int) -> str:
        """SQL of the features of some rows."""
        parts = []
        for number, each in enumerate(self._join["columns"]):
            sql, kind = self._place(each["view"], each["feature"])
            sql = _finite(sql, kind)
            if each.get("default") is not None:
                sql = f"coalesce({sql}, {literal(kind, each['default'], each['name'])})"
            parts.append(f"{sql} AS o{number}")
        for view, feature in {place for each in self._join["on_demand"] for place in stored_of(each)}:
            parts.append(" AS ".join(self._bound(view, feature)))
        tables = "".join(f" JOIN v{number} USING (row)" for number in range(len(self._features)))
        return (
            f"SELECT {', '.join(['row', *parts])} FROM entities{tables} "
            f"WHERE row >= {first} AND row < {end} ORDER BY row"
        )


@contextmanager
def joined_for(spec: dict[str, Any], events: EventWriter, store: Store) -> Iterator[Join]:
    """The join of a job, which is told of as it goes.

    Args:
        spec: contracts/features-spec.v1.schema.json, of a kind that has `join`.
        events, store: where to tell it, where files lie.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    events.started(workers=spec["threads"], gpus=0)
    pa.set_cpu_count(spec["threads"])
    join = spec["join"]
    total = len(join["views"])
    events.progress(views_done=0, views_total=total, metrics={})
    with Database(spec["limits"]["memory_bytes"], spec["threads"]) as database:
        joined = Join(database, store, store, join, events.warning, events.phase)
        events.progress(views_done=total, views_total=total, metrics={})
        yield joined


def _without(join: dict[str, Any], given: list[str]) -> dict[str, Any]:
    """The same join, of the features that no column of the entity rows is named like."""
    wanted = {
        name: [each for each in join[name] if each["name"] not in given] for name in ("columns", "on_demand")
    }
    return join | wanted | {"output_order": [name for name in join["output_order"] if name not in given]}


def _finite(sql: str, kind: str) -> str:
    if kind == "float64":
        return f"CASE WHEN isfinite({sql}) THEN {sql} END"
    if element_of(kind) == "float64":
        return f"list_transform({sql}, lambda each: CASE WHEN isfinite(each) THEN each END)"
    return sql
