"""Saves the graph as a model of MLflow's ONNX flavour: python save_model.py <folder>"""

import json
import os
import sys
from pathlib import Path

import mlflow
import onnx

graph = json.loads(Path(os.environ["BENCH_FOLDER"], "graph.json").read_text())
mlflow.onnx.save_model(
    onnx.load(graph["file"]),
    sys.argv[1],
    # Asked for again by name, they would be installed into an environment that is there.
    pip_requirements=[],
    onnx_execution_providers=["CPUExecutionProvider"],
    onnx_session_options={
        "execution_mode": "sequential",
        "intra_op_num_threads": 1,
        "inter_op_num_threads": 1,
    },
)
