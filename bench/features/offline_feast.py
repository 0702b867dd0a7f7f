"""Feast on the data of offline.py; `python offline_feast.py materialization|join FOLDER [REDIS]`."""

import json
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType  # noqa: E402
from feast.types import Float64  # noqa: E402

what, folder = sys.argv[1], Path(sys.argv[2])
names = [f"f{number}" for number in range(10)]
online = {"type": "redis", "connection_string": sys.argv[3]} if what == "materialization" else None
store = FeatureStore(
    config=RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / f"{what}.db"),
        online_store=online,
        entity_key_serialization_version=3,
    )
)
entity = Entity(name="customer", join_keys=["id"], value_type=ValueType.INT64)
source = FileSource(
    path=str(folder / ("latest.parquet" if online else "history.parquet")),
    timestamp_field="event_timestamp",
    created_timestamp_column="created",
)
view = FeatureView(
    name="view",
    entities=[entity],
    ttl=timedelta(days=3650 if online else 90),
    schema=[Field(name=name, dtype=Float64) for name in names],
    source=source,
)
store.apply([entity, view])
begun, processor = time.perf_counter(), time.process_time()
if online:
    store.materialize(datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
else:
    rows = pd.read_parquet(folder / "rows.parquet")
    store.get_historical_features(rows, [f"view:{name}" for name in names]).to_df().to_parquet(
        folder / "feast.parquet"
    )
print(
    json.dumps({"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - processor})
)
