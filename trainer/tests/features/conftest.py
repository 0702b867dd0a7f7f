import pytest
from feature_scene import Redis


@pytest.fixture(scope="module")
def started_redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.end()


@pytest.fixture
def online(started_redis):
    """A real Redis that holds nothing."""
    started_redis.client.flushall()
    started_redis.client.script_flush()
    return started_redis
