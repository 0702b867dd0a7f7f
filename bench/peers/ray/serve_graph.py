"""The graph as an application of Ray Serve on a cluster of its own, until SIGTERM: serve_graph.py <port>"""

import os
import signal
import sys

import ray
from graph import Graph
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 1})
class Scorer:
    def __init__(self) -> None:
        self.graph = Graph()

    async def __call__(self, request: Request) -> dict:
        return self.graph.predict((await request.json())["features"])


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ray.init(
    # Logical ones: with the two of a small machine the proxy and the controller leave none.
    num_cpus=4,
    include_dashboard=False,
    object_store_memory=100_000_000,
    _node_ip_address="127.0.0.1",
    _temp_dir=os.environ["BENCH_RAY_FOLDER"],
)
try:
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    serve.run(Scorer.bind(), name="bench", route_prefix="/predict")
    signal.pause()
finally:
    serve.shutdown()
    ray.shutdown()
