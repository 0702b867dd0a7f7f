"""Features that are expressions over stored features and columns of the entity rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..expressions import Column as Values
from ..expressions import columns_of, evaluate
from .values import Column, value_of

# A feature: the number of its view, and its name.
Stored = tuple[int, str]


def stored_of(computed: dict[str, Any]) -> list[Stored]:
    """The stored features that one is computed of."""
    return [(each["view"], each["feature"]) for each in computed["bindings"].values() if "view" in each]


class OnDemand:
    """
    Args:
        computed: one of `on_demand` of contracts/features-spec.v1.schema.json.
    """

    def __init__(self, computed: dict[str, Any]) -> None:
        self.name, self.stored = computed["name"], stored_of(computed)
        self._tree, self._type, self._bindings = computed["tree"], computed["type"], computed["bindings"]
        self._types = columns_of(self._tree)
        self._default = None
        if computed.get("default") is not None:
            self._default = value_of(self._type, computed["default"], f"the default of {self.name}")
        self._requested = {
            name: Column("entity_rows", self._bindings[name]["request"], kind)
            for name, kind in self._types.items()
            if "request" in self._bindings[name]
        }

    def of(self, entities: pa.Table, stored: Mapping[Stored, pa.ChunkedArray], first: int) -> pa.Array:
        """The values of some rows, as they lie in DuckDB.

        Args:
            entities: columns of the entity rows.
            stored: the values of `self.stored`.
            first: the number of the first row.
        """
        columns = {}
        for name, kind in self._types.items():
            if name in self._requested:
                column = self._requested[name]
                given = entities.column(column.name).combine_chunks()
                found = column.of_arrow(given, lambda row: f"row {first + row}")
            else:
                found = stored[self._bindings[name]["view"], self._bindings[name]["feature"]]
            columns[name] = Values.of_arrow(found, kind)
        values = evaluate(self._tree, columns, len(entities)).to_arrow()
        if self._type == "timestamp":
            values = values.cast(pa.int64())
        return values if self._default is None else pc.fill_null(values, self._default)

    def refuse(self) -> None:
        """
        Raises:
            JobFailure: columns of the entity rows held values of another type.
        """
        for column in self._requested.values():
            column.refuse()
