"""The rows of a view's sources as one relation of DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ..expressions import Column as Values
from ..expressions import columns_of, evaluate
from ..storage import Store
from .database import Database
from .sources import Block, Files, Keep, Warn, converted, numbered, stream
from .values import LARGEST_EXACT, Column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Places of a later source come after all of an earlier one.
_PLACES_A_SOURCE = 1 << 40
_LONGEST_KEY = 512


@dataclass(frozen=True)
class Input:
    """A column of the sources that is wanted.

    Attributes:
        name: in DuckDB.
        column: as `columns` of a source names it.
        kind: the type to read it as.
    """

    name: str
    column: str
    kind: str


@dataclass(frozen=True)
class Interval:
    """Which rows matter, in microseconds since 1970; None: no bound.

    Attributes:
        after, until: bounds of the event time; the first is out, the second in.
        created_counts: whether a row also matters that was created after `after`.
        until_created: the last time of creation.
    """

    after: int | None
    until: int | None
    created_counts: bool = False
    until_created: int | None = None

    def condition(self) -> str:
        """In SQL, over `event` and `created`."""
        parts = ["event IS NOT NULL"]
        if self.until is not None:
            parts.append(f"event <= {self.until}")
        if self.until_created is not None:
            parts.append(f"(created IS NULL OR created <= {self.until_created})")
        if self.after is not None:
            late = f" OR created > {self.after}" if self.created_counts else ""
            parts.append(f"(event > {self.after}{late})")
        return " AND ".join(parts)

    def keep(self, source: dict[str, Any]) -> Keep:
        """Of which row groups."""

        def may_hold(bounds: dict[str, tuple[datetime, datetime]]) -> bool:
            event = bounds.get(source["timestamp_column"])
            if event is None:
                return True
            if self.until is not None and _microseconds(event[0]) > self.until:
                return False
            if self.after is None or _microseconds(event[1]) >= self.after:
                return True
            created = bounds.get(source["created_column"] or "")
            is_late = created is None or _microseconds(created[1]) >= self.after
            return self.created_counts and source["created_column"] is not None and is_late

        return may_hold


def key_columns(view: dict[str, Any]) -> list[str]:
    """Names in DuckDB, in the order of the entity key."""
    return [f"k{at}" for at in range(len(view["keys"]))]


def key_text(view: dict[str, Any]) -> str:
    """SQL of the text of an entity's key: every part but the last with its length in bytes before it."""
    parts = [
        name if key["type"] == "string" else f"{name}::VARCHAR"
        for name, key in zip(key_columns(view), view["keys"], strict=True)
    ]
    return " || ".join([*(f"strlen({part}) || ':' || {part}" for part in parts[:-1]), parts[-1]])


def has_key(view: dict[str, Any]) -> str:
    """SQL of whether no part of the key is missing."""
    return " AND ".join(f"{name} IS NOT NULL" for name in key_columns(view))


def fits_key(view: dict[str, Any]) -> str:
    """SQL of whether a request can ask for the key."""
    return f"strlen({key_text(view)}) BETWEEN 1 AND {_LONGEST_KEY}"


@contextmanager
def rows_of(
    database: Database,
    store: Store,
    view: dict[str, Any],
    inputs: Sequence[Input],
    interval: Interval,
    conditions: Mapping[str, dict[str, Any]],
    warn: Warn,
) -> Iterator[str]:
    """A relation that one statement can read once.

    It has the columns of `key_columns`, event, created and expires in microseconds since 1970, place (which
    grows in the order of the files), the inputs and the conditions. Row groups that hold no row of the
    interval are not read; its condition is the statement's to apply.

    Args:
        database, store: where to and where from.
        view: `view` of contracts/features-spec.v1.schema.json.
        inputs: the columns wanted beside keys and times.
        interval: which rows matter.
        conditions: trees over columns as `columns` of a source names them, by the name of the boolean column.
        warn: told about what was odd but readable.

    Raises:
        JobFailure: as `Files` and `Column` do.
    """
    with ExitStack() as opened:
        relations = []
        for number, source in enumerate(view["sources"]):
            schema, batches = _stream(store, view, number, inputs, interval, conditions, warn)
            name = f"source{number}"
            opened.enter_context(database.stream(name, schema, batches))
            if source.get("distinct"):
                keys = ", ".join([*key_columns(view), "event", "created"])
                database.run(
                    f"CREATE OR REPLACE TABLE distinct{number} AS SELECT * FROM {name} "
                    f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY place DESC) = 1"
                )
                name = f"distinct{number}"
            relations.append(f"SELECT * FROM {name}")
        yield f"({' UNION ALL '.join(relations)})"


def _stream(
    store: Store,
    view: dict[str, Any],
    number: int,
    inputs: Sequence[Input],
    interval: Interval,
    conditions: Mapping[str, dict[str, Any]],
    warn: Warn,
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = view["sources"][number]
    role = f"view {view['name']}"
    columns = [
        (name, Column(role, source["key_columns"][key["name"]], key["type"]))
        for name, key in zip(key_columns(view), view["keys"], strict=True)
    ]
    times = {"event": "timestamp_column", "created": "created_column", "expires": "expires_column"}
    most = {"event": LARGEST_EXACT, "created": LARGEST_EXACT, "expires": None}
    absent = [name for name, place in times.items() if source[place] is None]
    columns += [
        (name, Column(role, source[place], "timestamp", most[name]))
        for name, place in times.items()
        if name not in absent
    ]
    columns += [(each.name, Column(role, source["columns"][each.column], each.kind)) for each in inputs]
    known = {name: kind for tree in conditions.values() for name, kind in columns_of(tree).items()}
    compared = {name: Column(role, source["columns"][name], kind) for name, kind in known.items()}
    files = Files(store, source["format"], source["uris"], role, warn, may_lack=number > 0)
    event = next(column for name, column in columns if name == "event")
    timeless = 0

    def more(block: Block, first: int) -> dict[str, pa.Array]:
        nothing = pa.nulls(block.rows, pa.int64())
        found = dict.fromkeys(absent, nothing) | {
            "place": numbered(number * _PLACES_A_SOURCE + first, block.rows)
        }
        values = {
            name: Values.of_arrow(converted(block, column), column.kind) for name, column in compared.items()
        }
        return found | {
            name: evaluate(tree, values, block.rows).to_arrow() for name, tree in conditions.items()
        }

    extra = [(name, pa.int64()) for name in [*absent, "place"]] + [(name, pa.bool_()) for name in conditions]
    names = [column.name for column in [*(column for _, column in columns), *compared.values()]]
    schema, batches = stream(columns, files.blocks(names, interval.keep(source)), more, extra)
    schema = pa.schema(sorted(schema, key=lambda each: each.name))

    def told() -> Iterator[pa.RecordBatch]:
        nonlocal timeless
        for batch in batches:
            timeless += batch.column(batch.schema.names.index("event")).null_count
            yield batch.select(schema.names)
        for column in compared.values():
            column.refuse()
        if timeless:
            warn(f"View {view['name']}: {timeless:,} rows have no time in '{event.name}' and were left out.")

    return schema, told()


def instant_of(text: str) -> int:
    """Microseconds since 1970 of an instant of a specification."""
    return _microseconds(datetime.fromisoformat(text))


def text_of(microseconds: int | None) -> str | None:
    """An instant as specifications and results write it."""
    if microseconds is None:
        return None
    return (
        (_EPOCH + timedelta(microseconds=microseconds))
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
