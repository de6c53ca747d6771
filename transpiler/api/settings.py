"""Settings of the process: `config(explain_retraces=True)`.

In: names and values. Out: the settings in force. A call of `config` takes effect at once; used in a `with` statement,
the earlier values come back at its end.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self


@dataclass
class Settings:
    """`explain_retraces`: say on stderr why a call was traced again. `max_specialisations`: how many versions a
    transformed function keeps; the oldest goes first."""

    explain_retraces: bool = False
    max_specialisations: int = 64


settings = Settings()
_NAMES = tuple(field.name for field in dataclasses.fields(Settings))


class ConfigChange:
    """What `config` returns: a context manager that brings the earlier values back."""

    def __init__(self, earlier: dict[str, Any]) -> None:
        self.earlier = earlier

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for name, value in self.earlier.items():
            setattr(settings, name, value)


def config(**options: Any) -> ConfigChange:
    """Change settings of the process.

    Args:
        explain_retraces: bool; say on stderr why a transformed function was traced again.
        max_specialisations: int >= 1; how many versions each transformed function keeps.

    Raises TypeError for an unknown name or a value of the wrong type.

    Example: `with gs.config(explain_retraces=True): step(params, batch)`
    """
    for name, value in options.items():
        if name not in _NAMES:
            raise TypeError(f"config has no option {name!r}; it has {', '.join(_NAMES)}")
        expected = type(getattr(settings, name))
        if type(value) is not expected:
            raise TypeError(f"config option {name} is of type {expected.__name__}, got {value!r}")
    if options.get("max_specialisations", 1) < 1:
        raise TypeError("max_specialisations must be at least 1")
    earlier = {name: getattr(settings, name) for name in options}
    for name, value in options.items():
        setattr(settings, name, value)
    return ConfigChange(earlier)
