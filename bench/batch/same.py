"""`python same.py <folder or file> <other>`: whether both answer the same for the same ids, as JSON."""

import json
import sys

import numpy as np
import pyarrow.dataset as ds


def answers(path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # A manifest and errors lie beside the parts.
    table = ds.dataset(path, format="parquet", exclude_invalid_files=False).to_table(
        columns=["id", "prediction", "probability_1"]
    )
    order = np.argsort(table["id"].to_numpy(), kind="stable")
    return tuple(table[name].to_numpy()[order] for name in table.column_names)


(ids, labels, probabilities), (other_ids, other_labels, other_probabilities) = map(answers, sys.argv[1:])
print(
    json.dumps(
        {
            "rows": len(ids),
            "same_ids": bool(np.array_equal(ids, other_ids)),
            "labels_that_differ": int(np.sum(labels != other_labels)),
            "largest_difference": float(np.max(np.abs(probabilities - other_probabilities))),
        }
    )
)
