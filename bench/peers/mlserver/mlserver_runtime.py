"""The graph as a custom runtime of MLServer: one tensor of all numbers and one of all texts, a row each."""

import numpy as np
from graph import Graph
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class GraphRuntime(MLModel):
    async def load(self) -> bool:
        self.graph = Graph()
        self.numbers = [tensor for _, tensor, is_text in self.graph.inputs if not is_text]
        self.texts = [tensor for _, tensor, is_text in self.graph.inputs if is_text]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        numbers = NumpyCodec.decode_input(payload.inputs[0])
        if self.graph.packed:
            feeds = {self.graph.packed: numbers}
        else:
            feeds = {tensor: numbers[:, [at]] for at, tensor in enumerate(self.numbers)}
            texts = StringCodec.decode_input(payload.inputs[1])
            for tensor, text in zip(self.texts, texts, strict=True):
                feeds[tensor] = np.array([[text]], object)
        label, probabilities = self.graph.run(feeds)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("label", label),
                NumpyCodec.encode_output("probabilities", probabilities),
            ],
        )
