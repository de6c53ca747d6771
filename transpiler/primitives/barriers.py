"""Values that derivatives do not pass: `stop_gradient`.

The value is that of the operand; the derivative is zero by definition, not because the function is constant.
"""

from __future__ import annotations

import operator

from gradscribe.transpiler.primitives.primitive import Elementwise

# Printed `+x`, which is a new array: a result that is the operand itself could be written in place under its name.
stop_gradient = Elementwise(
    name="stop_gradient",
    function=operator.pos,
    source="+x",
    scalar="x",
    partials=lambda y, x: [None],
)
