"""Peak bytes of one call beside its arguments, temporaries and outputs: ours as allocated, JAX's as XLA plans them.

Ours runs in a fresh process in which Numba's runtime allocates through CPython, so that `tracemalloc` sees every array
of native code and of NumPy; the peak of a later call is taken. JAX's is `memory_analysis()` of the compiled function.
"""

from __future__ import annotations

from dataclasses import dataclass

from first_gradient import in_fresh_process

_OURS = """
import json, sys, tracemalloc
from numba.core.runtime import _nrt_python
_nrt_python.memsys_use_cpython_allocator()
from workloads import WORKLOADS
from gradscribe_contender import gradient
workload = next(w for w in WORKLOADS if w.name == sys.argv[1])
args, weights = workload.make_args(), workload.make_weights()
compiled = gradient(workload, weights)
for _ in range(3):  # what early calls set up for later ones is not theirs
    compiled(*args)
tracemalloc.start()
compiled(*args)
before = tracemalloc.get_traced_memory()[0]
tracemalloc.reset_peak()
result = compiled(*args)
print(json.dumps([tracemalloc.get_traced_memory()[1] - before]))
"""

_JAX = """
import json, sys
from workloads import WORKLOADS
from peers import temporary_and_output_bytes
workload = next(w for w in WORKLOADS if w.name == sys.argv[1])
print(json.dumps([temporary_and_output_bytes(workload, workload.make_args(), workload.make_weights())]))
"""


@dataclass(frozen=True)
class PeakMemory:
    workload: str
    label: str
    bytes: int
    jax_bytes: int


def measure(name: str, label: str, cache: str = "") -> PeakMemory:
    """In two fresh processes; ``cache`` may hold machine code."""
    (ours,) = in_fresh_process(_OURS, name, cache)
    (jax,) = in_fresh_process(_JAX, name)
    return PeakMemory(name, label, int(ours), int(jax))
