"""Native tests keep their machine code in a folder of their own."""

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def native_cache(tmp_path_factory):
    """A fresh cache directory for the whole run."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GRADSCRIBE_CACHE_DIR", str(tmp_path_factory.mktemp("native_cache")))
    yield
    patch.undo()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
