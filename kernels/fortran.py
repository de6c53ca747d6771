"""Calls of BLAS and LAPACK routines by pointer, under names that survive in a cache.

In: LLVM values. Out: a call, all of whose arguments are pointers, as Fortran wants.
Establishes: a routine registered here is found by name when cached machine code is loaded; an address written into the
code would be stale in the next process.
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.extending import get_cython_function_address

WORD = ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
_LETTER, _FORTRAN_INTEGER = ir.IntType(8), ir.IntType(32)


def register_fortran(module: str, routines: tuple[str, ...]) -> None:
    """Make the routines of a SciPy Cython module known to LLVM as `gradscribe_<routine>`."""
    for routine in routines:
        llvm.add_symbol(f"gradscribe_{routine}", get_cython_function_address(module, routine))


def by_reference(builder: Any, value: Any) -> Any:
    """A place on the stack that holds a value, as a byte pointer."""
    with builder.goto_entry_block():
        place = builder.alloca(value.type)
    builder.store(value, place)
    return builder.bitcast(place, BYTES)


def call_by_reference(builder: Any, symbol: str, arguments: list[Any]) -> None:
    """Call `symbol`: 64-bit integers are narrowed to 32, scalars put on the stack, byte pointers passed as they are."""
    pointers = []
    for argument in arguments:
        value = builder.trunc(argument, _FORTRAN_INTEGER) if argument.type == WORD else argument
        pointers.append(value if value.type == BYTES else by_reference(builder, value))
    function = builder.module.globals.get(symbol)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [BYTES] * len(pointers)), symbol)
    builder.call(function, pointers)


def letter(character: str) -> Any:
    """A constant option letter."""
    return ir.Constant(_LETTER, ord(character))


def flag(builder: Any, condition: Any, if_true: str, if_false: str) -> Any:
    """An option letter chosen by a bit."""
    return builder.select(condition, letter(if_true), letter(if_false))


def at_least_one(builder: Any, size: Any) -> Any:
    """max(size, 1): leading dimensions are positive even where a matrix is empty."""
    one = ir.Constant(WORD, 1)
    return builder.select(builder.icmp_signed(">", size, one), size, one)
