"""Defines in Feast the features of rows.json in the working folder, and writes them to its online store."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, Int64
from feast.value_type import ValueType

asked = json.loads(Path("rows.json").read_text())
frame = pd.DataFrame(asked["rows"])
frame["event_timestamp"] = datetime.now(UTC)
frame.to_parquet("rows.parquet")

customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
view = FeatureView(
    name=asked["view"],
    entities=[customer],
    ttl=timedelta(days=1),
    schema=[
        Field(name=name, dtype=Int64 if frame[name].dtype == "int64" else Float64) for name in asked["names"]
    ],
    source=FileSource(path="rows.parquet", timestamp_field="event_timestamp"),
)
store = FeatureStore(".")
store.apply([customer, view])
store.write_to_online_store(asked["view"], frame)
