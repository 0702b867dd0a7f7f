"""The input of a batch whose rows name entities: with the features of these joined to it."""

from __future__ import annotations

from typing import Any

from .. import features
from ..events import EventWriter
from ..failures import DATA_UNREADABLE, JobFailure
from ..storage import Store

_NAME = "joined.parquet"


def joined_input(spec: dict[str, Any], events: EventWriter, store: Store) -> dict[str, Any]:
    """`input` of contracts/batch-spec.v1.schema.json with one file of all rows and their features.

    Attempts of one job read the same file, whatever has become of the features meanwhile.

    Raises:
        JobFailure: with what is wrong and what is allowed.
    """
    uri = f"{spec['state_uri']}{_NAME}"
    if not _exists(store, uri):
        events.log("Joining features to the rows.")
        counts = features.write_joined(
            store,
            spec["features"]["join"],
            uri,
            memory_bytes=spec["limits"]["memory_bytes"],
            threads=spec["batch"]["threads"],
            warn=events.warning,
        )
        for view in counts:
            if view["missing"] or view["expired"]:
                name = f"{view['name']}@v{view['version']}"
                events.warning(
                    f"View {name}: {view['matched']:,} rows have values; of the entities of "
                    f"{view['missing']:,} nothing was known, and those of {view['expired']:,} had expired."
                )
    return {"format": "parquet", "files": [{"uri": uri}]}


def _exists(store: Store, uri: str) -> bool:
    try:
        store.open_in_place(uri).close()
    except JobFailure as failure:
        if failure.code != DATA_UNREADABLE:
            raise
        return False
    return True
