"""What Feast answers for a view of drivers: `python reference.py FOLDER`.

FOLDER holds stats.parquet (driver_id, event_timestamp, created, conv_rate, acc_rate, avg_daily_trips),
rows.parquet (row, driver_id, event_timestamp) and settings.json (ttl_seconds, end). Written are, by each of
Feast's engines for files, ENGINE.parquet and, without values created later than the row's time,
ENGINE-created.parquet; and online.json.
"""

import json
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType  # noqa: E402
from feast.types import Float64, Int64  # noqa: E402

NAMES = ["conv_rate", "acc_rate", "avg_daily_trips"]


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    source = FileSource(
        path=str(folder / "stats.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    view = FeatureView(
        name="stats",
        entities=[driver],
        ttl=timedelta(seconds=settings["ttl_seconds"]),
        schema=[Field(name=name, dtype=Int64 if name == NAMES[2] else Float64) for name in NAMES],
        source=source,
    )
    references = [f"stats:{name}" for name in NAMES]
    rows = pd.read_parquet(folder / "rows.parquet")
    for engine in ("duckdb", "file"):
        store = FeatureStore(
            config=RepoConfig(
                project=engine,
                provider="local",
                registry=str(folder / f"{engine}.db"),
                offline_store={"type": engine},
                online_store={"type": "sqlite", "path": str(folder / "online.db")},
                entity_key_serialization_version=3,
            )
        )
        store.apply([driver, view])
        for name, cut in ((engine, False), (f"{engine}-created", True)):
            joined = store.get_historical_features(rows, references, filter_by_created_timestamp=cut)
            joined.to_df().to_parquet(folder / f"{name}.parquet")

    store.materialize(datetime(2020, 1, 1, tzinfo=UTC), datetime.fromisoformat(settings["end"]))
    drivers = [{"driver_id": int(each)} for each in sorted(rows["driver_id"].unique())]
    (folder / "online.json").write_text(json.dumps(store.get_online_features(references, drivers).to_dict()))


main(Path(sys.argv[1]))
