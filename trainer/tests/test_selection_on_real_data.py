"""Whether learned weights beat the best member on held-out rows of public data; -s shows the figures."""

import numpy as np
import pyarrow as pa
import pytest
from cases import REAL_DATA, Store
from test_coverage_on_real_data import adult, churn
from test_selection import fit_spec, scored, trained

from modelplane_trainer.selection import log_loss

MEMBERS = [
    ("sklearn", "logistic_regression"),
    ("sklearn", "random_forest"),
    ("sklearn", "extra_trees"),
    ("sklearn", "hist_gradient_boosting"),
    ("lightgbm", "lightgbm"),
]

pytestmark = pytest.mark.skipif(not REAL_DATA.exists(), reason="the public data sets are not here")


def held_out_loss(store: Store, spec: dict, target: str) -> float:
    """Log loss of the ensemble of `spec` on the held-out rows, as a batch answers them."""
    table = scored(store, spec, "s3://data/held-out.parquet", [target])
    labels = spec["model"]["signature"]["output"]["labels"]
    truth = table[target].to_numpy()
    chosen = [table[f"probability_{label}"].to_numpy()[truth == label] for label in labels]
    return log_loss(np.concatenate(chosen))


@pytest.mark.parametrize("data", [churn, adult])
def test_beats_the_best_member(tmp_path, data):
    frame, target = data()
    store = Store(tmp_path)
    order = np.random.default_rng(0).permutation(len(frame))
    held_out, validation, train_rows = np.split(order, [len(order) // 4, len(order) // 2])
    parts = {"held-out": held_out, "validation": validation, "train": train_rows}
    for name, rows in parts.items():
        store.parquet(
            pa.Table.from_pandas(frame.iloc[rows], preserve_index=False), f"s3://data/{name}.parquet"
        )
    train = {"format": "parquet", "uris": ["s3://data/train.parquet"]}
    models = [
        trained(store, train, target, at, framework, estimator)
        for at, (framework, estimator) in enumerate(MEMBERS)
    ]
    validation, held_out = (
        fit_spec(store, models, target, {"format": "parquet", "uris": [f"s3://data/{part}.parquet"]})
        for part in ("validation", "held-out")
    )
    fitted, fresh = store.result_of(validation), store.result_of(held_out)
    spec = fit_spec(store, models, target, train)
    for member, learned in zip(spec["model"]["ensemble"]["members"], fitted["members"], strict=True):
        member["weight"] = learned["weight"]
    loss = held_out_loss(store, spec, target)
    spec["model"]["ensemble"] |= {
        "method": "stacking",
        "meta": store.result_of(validation | {"method": "stacking"})["meta"],
    }
    stacked = held_out_loss(store, spec, target)
    own = [each["loss"] for each in fresh["members"]]
    print(f"\n{data.__name__}: log loss on {fresh['rows']} held-out rows, weights by {fitted['rows']} others")
    for (_, estimator), each, learned in zip(MEMBERS, own, fitted["members"], strict=True):
        print(f"  {estimator:24} {each:.5f} weight {learned['weight']:.2f}")
    print(f"  equal weights            {fresh['loss_of_equal_weights']:.5f}")
    print(f"  greedy                   {loss:.5f}, {min(own) - loss:.5f} below the best member")
    print(f"  stacking                 {stacked:.5f}")
    assert loss < min(own)
