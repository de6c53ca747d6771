"""Machine code cached by one process runs in the next: vector math and BLAS symbols are found before it is loaded."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.native

MODULE = """
import numba
import numpy as np
from gradscribe import kernels


@numba.njit(**{**kernels.OPTIONS, "cache": True})
def compute(x, a, b, c):
    total = 0.0
    for i in range(x.size):
        total = kernels.radd(total, kernels.erf(x[i]) + kernels.exp(x[i]) * kernels.pow(x[i], 2.5))
    kernels.gemm(0, 1, 1.0, a, b, 0.0, c)
    return total
"""
PROGRAM = """
import numpy as np
import generated
rng = np.random.default_rng(0)
x, a, b, c = rng.uniform(1, 2, 1001), rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), np.full((3, 5), np.nan)
total = generated.compute(x, a, b, c)
np.testing.assert_allclose(c, a @ b.T)
print(sum(generated.compute.stats.cache_hits.values()), total.hex())
"""


def test_second_process(tmp_path):
    (tmp_path / "generated.py").write_text(MODULE)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    (first_hits, first_total), (second_hits, second_total) = (output.split() for output in outputs)
    assert (first_hits, second_hits) == ("0", "1")
    assert first_total == second_total
