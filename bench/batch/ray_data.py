"""The same by Ray Data: `python ray_data.py <model.onnx> <rows.parquet> <out folder>`.

It prints JSON as plain_loop.py does. The time is that of reading, scoring and writing; starting Ray, and
the first row, with which its processes start, are told apart.
"""

import json
import os
import sys
import time

os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A busy machine takes longer than the default of 30 s.
os.environ["RAY_raylet_start_wait_time_s"] = "180"  # noqa: SIM112 - as Ray spells it

import numpy as np
import onnxruntime
import ray

model, source, out = sys.argv[1:]


class Scorer:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options)
        self.tensors = [each.name for each in self.session.get_inputs()]

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        columns = [column for name, column in batch.items() if name != "id"]
        feeds = {
            name: column.astype(np.float32 if column.dtype.kind == "f" else object).reshape(-1, 1)
            for name, column in zip(self.tensors, columns, strict=True)
        }
        label, probabilities = self.session.run(["label", "probabilities"], feeds)
        answers = {f"probability_{place}": probabilities[:, place] for place in range(probabilities.shape[1])}
        return {**batch, "prediction": label, **answers}


begin = time.perf_counter()
# Logical ones: with the two of a small machine the actors leave none to read and write with.
cores = max(4, os.cpu_count() or 1)
ray.init(num_cpus=cores, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
ready = time.perf_counter()


def score(data: ray.data.Dataset, into: str) -> None:
    pool = ray.data.ActorPoolStrategy(size=cores // 2)
    data.map_batches(Scorer, batch_size=32_768, compute=pool).write_parquet(into)


# The processes that read, score and write start with the first rows, and are kept.
score(ray.data.read_parquet(source).limit(1), f"{out}-first-row")
warm = time.perf_counter()
score(ray.data.read_parquet(source), out)
seconds = time.perf_counter() - warm
print(json.dumps({"seconds": seconds, "start_seconds": ready - begin, "first_row_seconds": warm - ready}))
ray.shutdown()
