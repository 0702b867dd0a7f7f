from modelplane_trainer.environment import quiet_libraries

quiet_libraries()  # before the first import of a library

import pytest  # noqa: E402
from cases import Store  # noqa: E402
from warm_parent import Server  # noqa: E402

from modelplane_trainer.memory import unlimit_memory  # noqa: E402


@pytest.fixture
def store(tmp_path):
    """An object store of its own; the memory limit that a job set is lifted afterwards."""
    yield Store(tmp_path)
    unlimit_memory()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A warm parent for the tests of a file."""
    started = Server(tmp_path_factory.mktemp("forkserver"))
    yield started
    started.end()
