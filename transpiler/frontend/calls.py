"""Calls: user functions are interpreted in place, NumPy functions go to the table, Python runs itself on static
values.

In: a callable value and argument values. Out: its result. Establishes: every call of a user function is a frame;
errors that pass through it say where it was called.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import math
import os
import types
from typing import Any, NoReturn

import numpy as np

from gradscribe.transpiler.errors import GradscribeError, Span
from gradscribe.transpiler.frontend import python_iterators, python_queues
from gradscribe.transpiler.frontend.branches import branch, check_fails
from gradscribe.transpiler.frontend.fence import ENVIRONMENT, OUTSIDE, check_accepted, refused_call
from gradscribe.transpiler.frontend.liveness import yields
from gradscribe.transpiler.frontend.python_errors import PythonError, Raised
from gradscribe.transpiler.frontend.python_functions import TEXT_FUNCTIONS, hashable
from gradscribe.transpiler.frontend.python_math import MATH_TEXTS
from gradscribe.transpiler.frontend.python_queues import QUEUE_TEXTS
from gradscribe.transpiler.frontend.reading import Reading, in_classes
from gradscribe.transpiler.frontend.source import BorrowedFile
from gradscribe.transpiler.frontend.superclasses import METHODS_OF_FUNCTIONS, Super, Superclasses, nothing
from gradscribe.transpiler.frontend.table import BUILTINS, NUMPY_RULES
from gradscribe.transpiler.frontend.trying import UserException
from gradscribe.transpiler.frontend.values import (
    MISSING,
    RETURN,
    ArrayMethod,
    BoundMethod,
    Cached,
    Choice,
    Closure,
    ContainerMethod,
    Dict,
    External,
    Frame,
    Generator,
    List,
    Maybe,
    NeedStatic,
    Object,
    Partial,
    Poison,
    Sequence,
    Slice,
    Text,
    describe,
    is_data,
)
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.nodes import Literal
from gradscribe.transpiler.library import numpy_texts, quadrature, random_bits, random_continuous, random_discrete
from gradscribe.transpiler.library.numpy_texts import NUMPY_TEXTS

_LIBRARIES = (
    "numpy",
    "math",
    "scipy",
    "builtins",
    "functools",
    "operator",
    "itertools",
    "collections",
    "dataclasses",
    "cmath",
    "contextlib",
    "copy",
    "numba",
    "gradscribe",
    "random",
    "sys",
    *OUTSIDE,
)
_KEEPING = ("append", "appendleft")  # methods of containers that take a first argument of any kind as it is
_OF_NONE_TOO = frozenset((isinstance, type, print, str, repr, format, callable, bool, hasattr, getattr))
# modules of ours whose functions are plain Python, staged like the user's text
_STAGED_TEXTS = frozenset(
    m.__name__
    for m in (
        python_iterators, python_queues, numpy_texts, quadrature, random_bits, random_continuous, random_discrete,
    )
)
_NUMBERS = (int, float, complex, np.generic)


def library_function(function: Any) -> bool:
    """Belongs to Python or NumPy: never interpreted."""
    module = getattr(function, "__module__", None) or ""
    return module.split(".")[0] in _LIBRARIES


class Calls(Superclasses):
    """Calling."""

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(function, Choice):
            return self.each_present(function, lambda option: self.call(option, args, kwargs))
        if isinstance(function, Closure):
            return self.call_closure(function, args, kwargs)
        if isinstance(function, BoundMethod):
            return self.call(function.function, [function.owner, *args], kwargs)
        if isinstance(function, Partial):
            return self.call(function.function, [*function.args, *args], {**function.kwargs, **kwargs})
        if isinstance(function, Cached):
            return self.call_cached(function, args, kwargs)
        if isinstance(function, ArrayMethod):
            method = functools.partial(self.array_method, function.owner, function.name)
            return self.over_options(args, kwargs, method, present=True)
        if isinstance(function, ContainerMethod):
            if args and isinstance(args[0], Choice) and function.name not in _KEEPING:
                return self.each(args[0], lambda option: self.call(function, [option, *args[1:]], kwargs))
            return self.container_method(function.owner, function.name, args, kwargs)
        if isinstance(function, functools.partial):
            bound = [self.lift(a, "argument of a partial", None) for a in function.args]
            named = {k: self.lift(v, k, None) for k, v in function.keywords.items()}
            return self.call(
                self.lift(function.func, "function of a partial", None), [*bound, *args], {**named, **kwargs}
            )
        if isinstance(function, Object):
            return self.call(self.get_attribute(function, "__call__"), args, kwargs)
        if hasattr(function, "__gradscribe_transformed__"):
            return self.call_transformed(function, args, kwargs)
        if isinstance(function, Poison):
            self.refuse_poison("this function", function)
        return self._call_python(function, args, kwargs)

    def _call_python(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if function is super and not args:
            return self.super_here()
        if function is nothing:
            return None
        if any(isinstance(v, Choice) for v in (*args, *kwargs.values())) and not _takes_choices(function):
            called = functools.partial(self._call_python, function)
            return self.over_options(args, kwargs, called, present=function not in _OF_NONE_TOO)
        if args and isinstance(args[0], Object) and hashable(function) and function in METHODS_OF_FUNCTIONS:
            return self.call(self.get_attribute(args[0], METHODS_OF_FUNCTIONS[function]), args[1:], kwargs)
        own = self.own_function(function)
        if own is not None:
            if function not in TEXT_FUNCTIONS and any(isinstance(v, Text) for v in (*args, *kwargs.values())):
                self.refuse_text()
            return own(*args, **kwargs)
        if hasattr(function, "registry") and hasattr(function, "dispatch"):  # functools.singledispatch
            cls = self.python_type(args[0]) if args else object
            chosen = self.python(function.dispatch, cls)
            self.static_checks.append(lambda: function.dispatch(cls) is chosen)
            return self.call(self.lift(chosen, function.__name__, None), args, kwargs)
        static = not any(map(is_data, args)) and not any(map(is_data, kwargs.values()))
        refusal = refused_call(function, static)
        if refusal is not None:
            self.refuse(*refusal)
        owner = getattr(function, "__self__", None)
        if isinstance(owner, str) and any(map(is_data, (*args, *kwargs.values()))):
            return self.text_method(owner, function.__name__, args, kwargs)
        if isinstance(function, type) and not library_function(function):
            return self.construct(function, args, kwargs)
        if isinstance(function, types.FunctionType) and not library_function(function):
            return self.call(self.lift(function, function.__name__, None), args, kwargs)
        if isinstance(function, types.MethodType) and not library_function(function.__func__):
            return self.call(self.lift(function, function.__name__, None), args, kwargs)
        if getattr(function, "__module__", None) in _STAGED_TEXTS:
            return self.call(self.library(function), args, kwargs)
        if not static and hashable(function) and function in NUMPY_TEXTS:
            return self._call_text(function, args, kwargs)
        if not static and hashable(function) and function in QUEUE_TEXTS:
            return self.call(self.library(QUEUE_TEXTS[function]), args, kwargs)
        rule = self._rule_of(function)
        if function is math.hypot and len(args) != 2:
            rule = None
        if rule is not None and not (static and self._scalar_call(args, kwargs)):
            return self._apply(function, rule, args, kwargs)
        if not static and rule is None and hashable(function) and function in MATH_TEXTS:
            return self.call(self.library(MATH_TEXTS[function]), args, kwargs)
        if isinstance(function, functools._lru_cache_wrapper) and not static:
            return self.call_cached(Cached(self.lift(function.__wrapped__, "cached function", None)), args, kwargs)
        if static and callable(function):
            self._refuse_random(function)
            plain = [self._plain(function, v) for v in args]
            value = self.python(function, *plain, **{k: self._plain(function, v) for k, v in kwargs.items()})
            if rule is not None and not isinstance(value, _NUMBERS):
                return self._apply(function, rule, args, kwargs)
            return self.made(value)
        if not callable(function):
            self.fail(PythonError, f"TypeError: {describe(function)} is not callable")
        self._refuse_random(function)
        return self._unknown(function)

    def _call_text(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A function of NumPy's that is text of ours, if it has a parameter for every argument."""
        text = NUMPY_TEXTS[function]
        code = text.__code__
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        extra = [f"the argument `{name}`" for name in kwargs if name not in known]
        if len(args) > code.co_argcount:
            extra.append(f"{len(args)} arguments")
        if extra:
            self.refuse(f"`{function.__name__}` with {extra[0]} is not supported")
        return self.call(self.library(text), args, kwargs)

    def _scalar_call(self, args: list[Any], kwargs: dict[str, Any]) -> bool:
        """Static numbers only: Python computes the number."""
        values = [*args, *kwargs.values()]
        kinds = (*_NUMBERS, np.dtype, type, str)  # of text, Python makes numbers too: int("3")
        return bool(values) and all(isinstance(v, kinds) for v in values)

    def _rule_of(self, function: Any) -> Any:
        for table in (NUMPY_RULES, BUILTINS):
            try:
                if function in table:
                    return table[function]
            except TypeError:
                return None
        return None

    def _plain(self, function: Any, value: Any) -> Any:
        """A static argument as Python itself takes it."""
        if isinstance(value, Text):
            self.refuse_text()
        if isinstance(value, Slice):
            return self.python_slice(value)
        kinds = (Closure, BoundMethod, Partial, Cached, ArrayMethod, ContainerMethod, Sequence)
        if isinstance(value, kinds) and getattr(function, "__module__", "") != "functools":
            what = "an iterator" if isinstance(value, Sequence) else "a function"
            name = getattr(function, "__name__", str(function))
            self.refuse(f"{what} of the program is not an argument for `{name}`", "write the loop")
        if type(value) in (tuple, list):
            return type(value)(self._plain(function, v) for v in value)
        return value

    def made(self, value: Any) -> Any:
        """What Python has just computed: no place of the caller's holds it, and the next time it is a new object."""
        if isinstance(value, np.ndarray):
            if not value.ndim:
                return value[()]
            constant = self.lift(value, "constant", Reading(value, "itself"))
            result = self.views.fresh(self.views.read(constant), constant.box.order)
            result.box.writable = constant.box.writable
            return result
        if isinstance(value, list):
            return List.of([self.made(v) for v in value])
        if type(value) is tuple:
            return tuple(self.made(v) for v in value)
        if isinstance(value, dict):
            slots = {k: self.made(v) for k, v in value.items()}
            return Dict(slots, cls=type(value), factory=getattr(value, "default_factory", None))
        return value

    def _refuse_random(self, function: Any) -> None:
        module = getattr(function, "__module__", None) or ""
        owner = getattr(function, "__self__", None)
        modules = (module, type(owner).__module__)
        if any(m.startswith("numpy.random") or m == "random" for m in modules):
            self.refuse(
                "random numbers with hidden state are not accepted in a staged function",
                "draw them with gs.random and a key, or pass the random numbers in as an argument",
            )

    def _unknown(self, function: Any) -> NoReturn:
        name = getattr(function, "__name__", str(function))
        known = [f.__name__ for f in NUMPY_RULES if hasattr(f, "__name__")]
        near = difflib.get_close_matches(name, known, 3, 0.6)
        module = getattr(function, "__module__", None) or ""
        shown = f"{module}.{name}" if module and module != "builtins" else name
        hint = (
            f"nearest supported: {', '.join(dict.fromkeys(near))}"
            if near
            else "see docs for the functions that are supported"
        )
        if isinstance(function, np.ufunc):
            shown = f"numpy.{name}"
        self.refuse(f"`{shown}` is not supported", hint)

    # ---- user functions ----
    def call_closure(self, closure: Closure, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return self.run_closure(closure, self.bound_arguments(closure, args, kwargs))

    def bound_arguments(self, closure: Closure, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        check_accepted(closure)
        return self._bind(closure, args, kwargs)

    def run_closure(self, closure: Closure, slots: dict[str, Any]) -> Any:
        """The body in line."""
        if len(self.frames) >= self.depth_limit:
            raise _endless(closure, slots, current_span())
        frame = Frame(closure, slots, current_span())
        if yields(closure.node):
            return Generator(frame)
        call_span = current_span()
        self.frames.append(frame)
        try:
            if closure.is_lambda:
                return self.evaluate(closure.node.body, frame)
            code = self.run_block(closure.node.body, frame)
            if isinstance(code, Raised):
                return self._raise(code)
            value = frame.slots.get(RETURN, MISSING)
            if value is MISSING:
                return None
            return self._returned(value, code)
        except RecursionError:  # Python's own limit, met before ours
            raise _endless(closure, slots, call_span) from None
        except GradscribeError as error:
            if call_span is not None and len(self.frames) > 1 and not isinstance(closure.file, BorrowedFile):
                error.note(call_span, f"in the call of `{closure.name}` here")
            raise
        finally:
            self.frames.pop()

    def _returned(self, value: Any, code: Any) -> Any:
        """`return` reached on some paths only gives None on the others."""
        if isinstance(value, Maybe):
            if value.value is None:
                return None
            if isinstance(code, int) and code:
                return value.value
            return self.whole(branch(self, value.flag, lambda: value.value, lambda: None))
        if isinstance(value, Poison):
            self.refuse_poison("the returned value", value)
        return self.read_choice("the returned value", value)

    def _raise(self, raised: Raised) -> Any:
        """A call that always raises."""
        if self.raises_now():
            raise UserException(raised)
        check_fails(self, Literal(False), raised)
        return Poison("comes from a call that always raises")

    def _bind(self, closure: Closure, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Python's binding of arguments to parameters."""
        a = closure.node.args
        positional = [p.id for p in (*a.posonlyargs, *a.args)]
        only_positional = {p.id for p in a.posonlyargs}
        named = [p.id for p in a.kwonlyargs]
        slots: dict[str, Any] = dict(zip(positional, args, strict=False))
        extra = args[len(positional) :]
        if a.vararg is not None:
            slots[a.vararg.id] = tuple(extra)
        elif extra:
            self._bad_call(closure, f"takes {len(positional)} positional arguments but {len(args)} were given")
        rest: dict[str, Any] = {}
        for key, value in kwargs.items():
            if key in slots and key not in only_positional and (a.vararg is None or key != a.vararg.id):
                self._bad_call(closure, f"got multiple values for argument '{key}'")
            if (key in positional and key not in only_positional) or key in named:
                slots[key] = value
            elif a.kwarg is not None:
                rest[key] = value
            else:
                self._bad_call(closure, f"got an unexpected keyword argument '{key}'")
        if a.kwarg is not None:
            slots[a.kwarg.id] = Dict(rest)
        for key in (*positional, *named):
            if key not in slots:
                if key not in closure.defaults:
                    self._bad_call(closure, f"missing required argument: '{key}'")
                default = closure.defaults[key]
                slots[key] = self.lift_external(default) if isinstance(default, External) else default
        return slots

    def _bad_call(self, closure: Closure, message: str) -> None:
        self.fail(PythonError, f"TypeError: {closure.name}() {message}")

    # ---- attributes ----
    def get_attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, Choice):
            return self.each_present(owner, lambda option: self.get_attribute(option, name), AttributeError)
        if isinstance(owner, Object):
            return self._object_attribute(owner, name)
        if isinstance(owner, Super):
            return self.super_attribute(owner, name)
        if self.is_array_like(owner):
            return self.array_attribute(owner, name)
        if isinstance(owner, (List, Dict)):
            return ContainerMethod(owner, name)
        if isinstance(owner, tuple):
            fields = getattr(type(owner), "_fields", ())
            if name in fields:
                return self.whole(owner[fields.index(name)])
            if name in ("index", "count", "_replace", "_asdict"):
                return ContainerMethod(owner, name)
            return self.from_class(owner, type(owner), name, self.class_attribute(type(owner), name))
        if isinstance(owner, Closure):
            if name == "__name__":
                return owner.name
            self.refuse("attributes of functions are not accepted")
        if isinstance(owner, types.ModuleType):
            value = self.python(getattr, owner, name)
            if value is os.environ:
                self.refuse(*ENVIRONMENT)
            if owner.__name__.split(".")[0] in _LIBRARIES:
                return value
            return self.lift(value, f"{owner.__name__}.{name}", Reading(owner, "attribute", name))
        if isinstance(owner, Text):
            self.refuse(f"`{name}` of a string made of data is not accepted", "format the value itself: f'{x:>8.3f}'")
        if isinstance(owner, Poison):
            self.refuse_poison("this value", owner)
        if isinstance(owner, Generator):
            self.refuse(f"`{name}` of a generator is not accepted", "iterate over it with `for`")
        if isinstance(owner, type):
            found = self.class_attribute(owner, name)
            if isinstance(found, classmethod):
                return BoundMethod(self.lift(found.__func__, name, None), owner)
            if isinstance(found, staticmethod):
                return self.lift(found.__func__, name, None)
        value = self.python(getattr, owner, name)
        return self.lift(
            value, f"{getattr(owner, '__name__', type(owner).__name__)}.{name}", Reading(owner, "attribute", name)
        )

    def _object_attribute(self, owner: Object, name: str) -> Any:
        found = in_classes(owner.cls, name, MISSING)
        if not isinstance(found, property) and name in owner.slots:
            return self._checked(self.slot(owner, name), f".{name}", owner, name)
        if name == "__class__":
            return owner.cls
        self.class_attribute(owner, name, MISSING)
        if found is MISSING:
            fallback = self.class_attribute(owner.cls, "__getattr__")
            if isinstance(fallback, types.FunctionType) and not name.startswith("__"):
                return self.call(self.lift(fallback, "__getattr__", None), [owner, name], {})
            self.fail(PythonError, f"AttributeError: '{owner.cls.__name__}' object has no attribute '{name}'")
        return self.from_class(owner, owner.cls, name, found)

    def from_class(self, owner: Any, cls: type, name: str, found: Any) -> Any:
        if hasattr(found, "__gradscribe_transformed__"):  # a decorated method
            return BoundMethod(found, owner)
        if isinstance(found, types.FunctionType):
            return BoundMethod(self.lift(found, name, None), owner)
        if isinstance(found, property):
            return self.call(self.lift(found.fget, name, None), [owner], {})
        if isinstance(found, functools.cached_property):
            value = self.call(self.lift(found.func, name, None), [owner], {})
            self.store.set(owner, name, value)
            return value
        if isinstance(found, staticmethod):
            return self.lift(found.__func__, name, None)
        if isinstance(found, classmethod):
            return BoundMethod(self.lift(found.__func__, name, None), cls)
        if inspect.ismethoddescriptor(found) or inspect.isgetsetdescriptor(found):
            getter = getattr(type(found), "__get__", None)
            if isinstance(getter, types.FunctionType) and not library_function(getter):
                return self.call(self.lift(getter, "__get__", None), [self.lift(found, name, None), owner, cls], {})
            self.refuse(
                f"`{name}` of a {cls.__qualname__} is Python's own and is not accepted here",
                "ask outside, and pass it in",
            )
        return self.lift(self.python(getattr, cls, name), f"{cls.__name__}.{name}", Reading(cls, "attribute", name))

    def call_transformed(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def is_array_like(self, owner: Any) -> bool:
        raise NotImplementedError

    def array_attribute(self, owner: Any, name: str) -> Any:
        raise NotImplementedError


def _takes_choices(function: Any) -> bool:
    """Does the function hand its arguments on, whatever their kinds?"""
    if isinstance(function, (type, types.FunctionType, types.MethodType)) and not library_function(function):
        return True
    return not hashable(function) or function in (dict, setattr, dataclasses.replace, functools.partial)


def _endless(closure: Closure, slots: dict[Any, Any], span: Span | None) -> NeedStatic:
    """A recursion that staging does not see the end of: integers behind it are made static, other data cannot be."""
    atoms = [leaf for value in slots.values() for leaf in _leaves(value)]
    return NeedStatic(
        f"`{closure.name}` calls itself without end here",
        atoms,
        span,
        "give the recursion an end: a condition under which it returns without calling itself",
    )


def _leaves(value: Any) -> list[Any]:
    return list(value.leaves()) if hasattr(value, "leaves") else []
