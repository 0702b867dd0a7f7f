"""The graph as a service of BentoML."""

import bentoml
from graph import Graph


@bentoml.service(workers=1, resources={"cpu": "1"}, logging={"access": {"enabled": False}})
class Scorer:
    def __init__(self) -> None:
        self.graph = Graph()

    @bentoml.api
    async def predict(self, features: dict) -> dict:
        # Asynchronous, so that the event loop runs it: a thread would take longer than the model.
        return self.graph.predict(features)
