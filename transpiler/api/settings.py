"""Settings of the process: `config(explain_retraces=True)`.

In: names and values. Out: the settings in force. A call of `config` takes effect at once; used in a `with` statement,
the earlier values come back at its end.
"""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass
from typing import Any, Protocol, Self


@dataclass
class Settings:
    """`explain_retraces`: say on stderr why a call was traced again. `max_specialisations`: how many versions a
    transformed function keeps; the oldest goes first. `check_nans`, `check_infs`: raise where an operation
    makes one."""

    explain_retraces: bool = False
    max_specialisations: int = 64
    check_nans: bool = False
    check_infs: bool = False


class Dispatching(Protocol):
    """Who keeps versions of programs, and short ways into them that do not look at settings."""

    def forget_short_ways(self) -> None: ...


settings = Settings()
_dispatching: weakref.WeakSet[Dispatching] = weakref.WeakSet()
_NAMES = tuple(field.name for field in dataclasses.fields(Settings))


def follow_settings(dispatching: Dispatching) -> None:
    """Tell `dispatching` when a setting changes that its programs depend on."""
    _dispatching.add(dispatching)


def _change(values: dict[str, Any]) -> None:
    changed = [name for name, value in values.items() if getattr(settings, name) != value]
    for name, value in values.items():
        setattr(settings, name, value)
    if "check_nans" in changed or "check_infs" in changed:
        for one in list(_dispatching):
            one.forget_short_ways()


class ConfigChange:
    """What `config` returns: a context manager that brings the earlier values back."""

    def __init__(self, earlier: dict[str, Any]) -> None:
        self.earlier = earlier

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        _change(self.earlier)


def config(**options: Any) -> ConfigChange:
    """Change settings of the process.

    Args:
        explain_retraces: bool; say on stderr why a transformed function was traced again.
        max_specialisations: int >= 1; how many versions each transformed function keeps.
        check_nans: bool; after every operation, raise NotFiniteError if it made a NaN of numbers, at the user's line.
            Programs made without it have no trace of it: a change makes new versions.
        check_infs: bool; the same for infinities.

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
    _change(options)
    return ConfigChange(earlier)
