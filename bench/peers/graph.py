"""The model that the peers serve, by onnxruntime on one thread, as the service and the limit run it."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime


class Graph:
    """What bench/parts/peers.mjs wrote into graph.json of BENCH_FOLDER."""

    def __init__(self) -> None:
        graph = json.loads(Path(os.environ["BENCH_FOLDER"], "graph.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph["file"], options, providers=["CPUExecutionProvider"]
        )
        self.label = graph["label"]
        self.probabilities = graph["probabilities"]
        self.packed = graph["packed"]
        self.inputs = [(each["name"], each["tensor"], each["dtype"] == "string") for each in graph["inputs"]]
        self.names = [name for name, _, _ in self.inputs]
        self.labels = graph["labels"]

    def run(self, feeds: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Indexes of the labels [n], and probabilities [n, classes].

        A graph need not say the label: it is then the class of the largest probability.
        """
        if self.label is None:
            (probabilities,) = self.session.run([self.probabilities], feeds)
            return probabilities.argmax(axis=1), probabilities
        return self.session.run([self.label, self.probabilities], feeds)

    def predict(self, features: dict) -> dict:
        """One row of features by name."""
        if self.packed:
            feeds = {self.packed: np.array([[features[name] for name in self.names]], np.float32)}
        else:
            feeds = {
                tensor: np.array([[features[name]]], object if is_text else np.float32)
                for name, tensor, is_text in self.inputs
            }
        label, probabilities = self.run(feeds)
        return {"prediction": self.labels[label[0]], "probabilities": probabilities[0].tolist()}
