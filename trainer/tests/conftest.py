from modelplane_trainer.environment import quiet_libraries

quiet_libraries()  # before the first import of a library

import pytest  # noqa: E402
from cases import Store  # noqa: E402

from modelplane_trainer.memory import unlimit_memory  # noqa: E402


@pytest.fixture
def store(tmp_path):
    """An object store of its own; the memory limit that a job set is lifted afterwards."""
    yield Store(tmp_path)
    unlimit_memory()
