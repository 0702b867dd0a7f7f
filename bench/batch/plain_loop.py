"""What bench/batch.mjs measures a batch against: the loop that one writes with pyarrow and onnxruntime.

`python plain_loop.py <model.onnx> <rows.parquet> <out.parquet> [tuned]` prints one line of JSON:
seconds without imports, and peak memory. `tuned` turns off what costs most once it has been measured:
dictionaries of numbers, reading far ahead, and threads that wait for each other inside of onnxruntime.
"""

import json
import resource
import sys
import time

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

model, source, out, *mode = sys.argv[1:]
tuned = mode == ["tuned"]
start = time.perf_counter()
options = onnxruntime.SessionOptions()
reading, writing = {}, {}
if tuned:
    options.intra_op_num_threads = 1
    reading = {"batch_size": 32_768, "batch_readahead": 2, "fragment_readahead": 1}
    writing = {"use_dictionary": False}
session = onnxruntime.InferenceSession(model, options)
tensors = [each.name for each in session.get_inputs()]
writer = None
for batch in ds.dataset(source).to_batches(**reading):
    if not batch.num_rows:
        continue
    columns = [batch.column(name) for name in batch.schema.names if name != "id"]
    feeds = {
        name: column.to_numpy(zero_copy_only=False)
        .astype(object if pa.types.is_string(column.type) else np.float32)
        .reshape(-1, 1)
        for name, column in zip(tensors, columns, strict=True)
    }
    label, probabilities = session.run(["label", "probabilities"], feeds)
    scored = batch.append_column("prediction", pa.array(label))
    for place in range(probabilities.shape[1]):
        column = pa.array(probabilities[:, place].astype(np.float64))
        scored = scored.append_column(f"probability_{place}", column)
    writer = writer or pq.ParquetWriter(out, scored.schema, **writing)
    writer.write_batch(scored)
writer.close()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": seconds, "peak_bytes": peak}))
