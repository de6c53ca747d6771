"""`gs.debug`: printing and calling back from inside programs, as in JAX.

Plain Python `print` works in staged functions too; these have JAX's names and conventions. In a staged function the
frontend turns a call into an equation with effect io; outside they are what they say.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any


def print(fmt: str, /, *args: Any, ordered: bool = True, **kwargs: Any) -> None:
    """Print `fmt.format(*args, **kwargs)` each time the program gets here.

    `ordered` is accepted for JAX's sake: output is always in order.

    Example: `gs.debug.print("step {}: loss {loss:.4f}", k, loss=loss)`
    """
    builtins.print(fmt.format(*args, **kwargs))


def callback(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
    """Call `function` with the values each time the program gets here; what it returns is dropped.

    `function` runs in Python, with arrays and numbers as NumPy has them; in native code too. It must not write to the
    arrays it gets.

    Example: `gs.debug.callback(history.append, loss)`
    """
    function(*args, **kwargs)
