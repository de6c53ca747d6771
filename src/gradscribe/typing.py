"""Annotations of array arguments for the command line: `def loss(w: F64["d"], x: F64["n d"])`."""

from gradscribe.transpiler.api.annotations import C64, C128, F32, F64, I32, I64, Bool

__all__ = ["C64", "C128", "F32", "F64", "I32", "I64", "Bool"]
