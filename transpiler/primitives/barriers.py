"""Values that are their operands, for what transformations make of them.

`stop_gradient`: the derivative is zero by definition, not because the function is constant. `checkpoint_name`: a value
with a name, for policies of checkpoints.
"""

from __future__ import annotations

import operator

from gradscribe.transpiler.primitives.primitive import Elementwise
from gradscribe.transpiler.primitives.sample import draw, uniform

# Printed `+x`, which is a new array: a result that is the operand itself could be written in place under its name.
stop_gradient = Elementwise(
    name="stop_gradient",
    function=operator.pos,
    source="+x",
    scalar="x",
    partials=lambda y, x: [None],
)

checkpoint_name = Elementwise(
    name="checkpoint_name",
    function=lambda x, name: +x,
    source="+x",
    scalar="x",
    partials=lambda y, x, name: [1.0],
    samples=(draw(uniform(-1, 1, 3), name="h"), draw(uniform(-1, 1), name="h")),
)
