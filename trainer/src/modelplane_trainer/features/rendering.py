"""SQL of what Redis is told: the value of an entity as contracts/feature-write.v1.lua and readers know it."""

from __future__ import annotations

from typing import Any

from .database import quoted
from .values import LARGEST_EXACT, element_of
from .view_rows import key_text

_DAY_SECONDS = 86_400
_MICROSECONDS = 1_000_000


def online_key(view: dict[str, Any], prefix: str) -> str:
    """SQL of a key."""
    return f"{quoted(prefix)} || {key_text(view)}"


def online_value(view: dict[str, Any], features: list[dict[str, Any]]) -> str:
    """SQL of the JSON text `[event,created,expires,values by slot…]`.

    Args:
        view: `view` of contracts/features-spec.v1.schema.json.
        features: name and type of those that are the columns f0, f1, …; slots of others are null.
    """
    places = {feature["name"]: (f"f{at}", feature["type"]) for at, feature in enumerate(features)}
    slots = [_json(*places[name]) if name in places else "'null'" for name in view["layout"]]
    times = [_or_null(f"{name}::VARCHAR") for name in ("event", "created", "expires")]
    return f"'[' || concat_ws(',', {', '.join([*times, *slots])}) || ']'"


def forget_at(view: dict[str, Any]) -> str:
    """SQL of when Redis may forget a plain value, in milliseconds since 1970 as text; '0' for never.

    As `forgetAt` of libs/features: readers who ask a while later still learn that it has expired.
    """
    ttl = view["ttl_seconds"]
    end = "expires" if ttl is None else f"least(event + {ttl * _MICROSECONDS}, expires)"
    later = max(ttl or 0, _DAY_SECONDS) * 1000
    # `least` and `greatest` pass over what is null.
    return f"CASE WHEN {end} IS NULL THEN '0' ELSE {_milliseconds(end, later)} END"


def forget_aggregated_at(longest: int) -> str:
    """The same of aggregations: once no event is in the longest window, which is in microseconds."""
    return _milliseconds(f"newest + {longest}", 0)


def commands(sha: str, key: str, value: str, expiry: str, rows: str) -> str:
    """A query for a call of the script in the protocol of Redis a row.

    Args:
        sha: of the script.
        key, value, expiry: SQL of texts.
        rows: the relation that they are of.
    """
    head = rf"*6\r\n$7\r\nEVALSHA\r\n$40\r\n{sha}\r\n$1\r\n1\r\n"
    words = " || ".join(
        f"'$' || strlen({word}) || e'\\r\\n' || {word} || e'\\r\\n'" for word in ("k", "v", "x")
    )
    return f"SELECT e'{head}' || {words} FROM (SELECT {key} AS k, {value} AS v, {expiry} AS x FROM {rows})"


def _json(column: str, kind: str) -> str:
    """SQL of the JSON form of a value, which is the text null where it is missing, or infinite."""
    element = element_of(kind)
    if element is not None:
        each = _json("each", element)
        return _or_null(f"'[' || array_to_string(list_transform({column}, lambda each: {each}), ',') || ']'")
    if kind == "int64":
        return (
            f"CASE WHEN {column} BETWEEN {1 - LARGEST_EXACT} AND {LARGEST_EXACT - 1} THEN {column}::VARCHAR "
            f"WHEN {column} IS NULL THEN 'null' ELSE '\"' || {column}::VARCHAR || '\"' END"
        )
    if kind == "float64":
        return f"CASE WHEN isfinite({column}) THEN {column}::VARCHAR ELSE 'null' END"
    if kind == "timestamp":
        return _or_null(f"'\"' || strftime(make_timestamp({column}), '%Y-%m-%dT%H:%M:%S.%fZ') || '\"'")
    return _or_null(f"{column}::VARCHAR" if kind == "boolean" else f"to_json({column})::VARCHAR")


def _or_null(text: str) -> str:
    return f"coalesce({text}, 'null')"


def _milliseconds(microseconds: str, later: int) -> str:
    return f"greatest(1, ({microseconds} + 999) // 1000 + {later})::VARCHAR"
