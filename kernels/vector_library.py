"""The vector math library of the C library (glibc's libmvec): loaded here, and asked which functions it has.

In: nothing. Out: `vector_variants(name, arity)`, the vector symbols that exist for a scalar C function.
Establishes: the library is loaded, with global symbols, before any function of a generated file can run. A compiled
function taken from a cache in a process that has not loaded the library would jump to address zero: every generated
file imports this package first, and `gradscribe.kernels.MATH_BACKEND` belongs in every cache key.

The environment variable GRADSCRIBE_MATH set to `scalar` leaves the library out.
"""

import os
import platform
from dataclasses import dataclass

import llvmlite.binding as llvm

LIBRARY = "libmvec.so.1"
_REGISTER_BITS = {"b": 128, "d": 256, "e": 512}  # letters of the x86-64 vector function ABI: SSE, AVX2, AVX-512


@dataclass(frozen=True)
class VectorVariant:
    """One vector version of a scalar function: its symbol, and how many lanes it computes at a time."""

    symbol: str
    lanes: int


def _load() -> bool:
    if os.environ.get("GRADSCRIBE_MATH") == "scalar" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        llvm.load_library_permanently(LIBRARY)
    except RuntimeError:
        return False
    return True


LOADED: bool = _load()


def vector_variants(name: str, arity: int, bits: int) -> tuple[VectorVariant, ...]:
    """The vector variants of the C function `name` that the process can resolve, all of them or none.

    `bits` is the width of its operands (32 or 64). All or none, because a loop compiled on this machine may be
    vectorised for any of the register widths, and a cache key must not depend on which.

    >>> [v.symbol for v in vector_variants("exp", 1, 64)]  # doctest: +SKIP
    ['_ZGVbN2v_exp', '_ZGVdN4v_exp', '_ZGVeN8v_exp']
    """
    if not LOADED:
        return ()
    variants = tuple(
        VectorVariant(f"_ZGV{letter}N{register // bits}{'v' * arity}_{name}", register // bits)
        for letter, register in _REGISTER_BITS.items()
    )
    return variants if all(llvm.address_of_symbol(variant.symbol) for variant in variants) else ()
