"""The NumPy table as the interpreter uses it: operators, NumPy and builtin functions as rules over operands.

The rules themselves are written in the library room.
"""

from __future__ import annotations

from gradscribe.transpiler.library.arguments import NeedsStatic, array_from
from gradscribe.transpiler.library.collective_rules import AXIS_QUERIES, COLLECTIVE_RULES
from gradscribe.transpiler.library.numpy_table import BINARY, BUILTINS, METHODS, NUMPY_RULES, UNARY
from gradscribe.transpiler.library.position_rules import put_positions
from gradscribe.transpiler.library.writing_rules import harmless, repeated_to, updated_in_turn

__all__ = [
    "AXIS_QUERIES",
    "BINARY",
    "BUILTINS",
    "COLLECTIVE_RULES",
    "METHODS",
    "NUMPY_RULES",
    "UNARY",
    "NeedsStatic",
    "array_from",
    "harmless",
    "put_positions",
    "repeated_to",
    "updated_in_turn",
]
