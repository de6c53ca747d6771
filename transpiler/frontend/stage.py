"""The frontend's entry: a Python callable and example arguments become a `Staged` program.

In: a callable and its arguments (concrete, or `ArrayType` leaves). Out: `Staged`: a verified flat function with its
guards, where its parameters come from, and how its results become the return value and the caller-visible changes.
Where the program needs a static value that is an argument or a size of one, it is staged again with that argument or
size static.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import AliasError, GradscribeError, Span, UnsupportedSyntax, internal_error
from gradscribe.transpiler.frontend.core import TransformCall
from gradscribe.transpiler.frontend.inner import Settlement
from gradscribe.transpiler.frontend.lifting import Accessor, StaticPlace
from gradscribe.transpiler.frontend.recursion import ChangeMode, Mode, Place, Recursion
from gradscribe.transpiler.frontend.solver import DataEquality
from gradscribe.transpiler.frontend.source import node_of
from gradscribe.transpiler.frontend.trying import UserException
from gradscribe.transpiler.frontend.values import NeedStatic
from gradscribe.transpiler.ir.builder import at_span, open_block
from gradscribe.transpiler.ir.equalities import solving_with
from gradscribe.transpiler.ir.nodes import Function, Guard, Region, Var
from gradscribe.transpiler.ir.staged import Staged
from gradscribe.transpiler.ir.verify import verify
from gradscribe.transpiler.ir.walk import clone_eqn
from gradscribe.transpiler.passes.whole_reads import drop_whole_reads

_RETRACES = 24


def stage(
    fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, transform_call: TransformCall | None = None
) -> Staged:
    """Stage `fn` for arguments like these.

    Args: fn: a Python function, lambda, bound method, `functools.partial` or object with `__call__`. args, kwargs:
    the arguments; array and number leaves are NumPy arrays, scalars, Python numbers, or `ArrayType`s. transform_call:
    how to treat a call of a transformed function inside; called with (object, stage_inner, args, kwargs).

    Raises `GradscribeError` where the program is refused; whatever exception the program itself raises for such
    arguments.

    Example: `stage(lambda x: np.sin(x) * 2, (np.ones(3),), {}).function`
    """
    static: frozenset[StaticPlace] = frozenset()
    modes: dict[Place, Mode] = {}
    by_position = False  # are positions in lists that data decides accepted? Static ones are tried first
    callers: AliasError | None = None  # why arrays that the caller sees are kept apart from others
    shared: AliasError | None = None  # why the items of a list may not stand in a buffer of their own
    for _ in range(_RETRACES):
        staging = Staging(static, modes, transform_call)
        staging.lists_grow = shared is None
        staging.by_position = by_position
        staging.apart = callers is not None
        try:
            return staging.run(fn, args, kwargs)
        except NeedStatic as need:
            found = {staging.places[a] for a in staging.solver.origins(list(need.atoms)) if a in staging.places}
            if found <= static and staging.asked_position:
                by_position, static, modes = True, frozenset(), {}
                continue
            earlier = shared or callers
            if found <= static and earlier is not None:
                raise earlier from None
            if found <= static:
                raise UnsupportedSyntax(need.span, need.why, need.hint) from None
            static = static | found
        except ChangeMode as change:
            modes[change.place] = change.mode
        except UserException as user:
            raise user.exception() from None
        except AliasError as error:
            if callers is None and staging.met_callers:
                callers = error
            elif shared is not None or not staging.grown:
                raise shared or callers or error from None
            else:
                shared = error
        except GradscribeError:
            if callers is not None:
                raise callers from None
            raise
        except DataEquality as unequal:
            span = getattr(unequal, "user_span", None)
            message = f"sizes {unequal.a} and {unequal.b} depend on data and must be equal (`{unequal.what}`)"
            raise UnsupportedSyntax(span, message) from None
        except RecursionError as error:
            raise UnsupportedSyntax(
                _place_of(fn), "this function nests too deep", "is there a recursion without end?"
            ) from error
        except Exception as error:
            raise internal_error(_place_of(fn), "staging this", error) from error
    raise UnsupportedSyntax(
        _place_of(fn), "more and more arguments have to be static", "pass lists of arrays as one array"
    )


def _place_of(fn: Any) -> Span | None:
    try:
        function = inspect.unwrap(fn)
        while isinstance(function, functools.partial):
            function = function.func
        node, file = node_of(getattr(function, "__func__", function))
    except Exception:
        return None
    return file.header(node)


class Staging(Recursion):
    """One attempt."""

    def __init__(
        self, static: frozenset[StaticPlace], modes: dict[Place, Mode], transform_call: TransformCall | None
    ) -> None:
        super().__init__(static, modes)
        self.transform_call = transform_call

    def run(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Staged:
        place = _place_of(fn)
        with solving_with(self.solver), at_span(place), open_block(nested=False) as block:
            values, named = self._arguments(fn, args, kwargs)
            result = self.call(self.lift(fn, getattr(fn, "__name__", "function"), None), values, named)
            template = self.result_tree(result, "the result")
            self.finish_mutations()
            self.settle_capacities(-1)
            region = Region(tuple(p.var for p in self.parameters), tuple(block.eqns), tuple(self.outputs))
        self._check_overlaps(place)
        return Staged(
            function=self._settled(_name_of(fn), region, place),
            parameters=tuple(p.leaf for p in self.parameters),
            result=template,
            mutations=tuple(self.mutations),
            container_mutations=tuple(self.container_mutations),
            static_checks=tuple(self.static_checks),
            statics=tuple(self.statics.items()),
            sources=tuple(self.sources),
            quiet=tuple(self.quiet),
        )

    def _arguments(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Leaves are numbered as in tree.flatten((args, kwargs)): keyword arguments sorted by name."""
        names = _parameter_names(fn, len(args))
        leaf = [0]
        values = [self.inject(value, names[k], leaf, _positional(k)) for k, value in enumerate(args)]
        given = {key: self.inject(kwargs[key], key, leaf, _keyword(key)) for key in sorted(kwargs)}
        return values, {key: given[key] for key in kwargs}

    def _check_overlaps(self, place: Span | None) -> None:
        """Arguments that overlap without being the same array, one of them written."""
        arrays = [(k, p) for k, p in enumerate(self.parameters) if p.box is not None and p.example is not None]
        written = {m.parameter for m in self.mutations}
        for i, (k, p) in enumerate(arrays):
            for j, q in arrays[i + 1 :]:
                if (k in written or j in written) and _overlap(p.example, q.example):
                    raise AliasError(
                        place,
                        f"{p.leaf.path} and {q.leaf.path} share memory, and one of them is written",
                        "pass a copy of one",
                    )

    def _settled(self, name: str, region: Region, place: Span | None) -> Function:
        """The function with everything found out about its dims written into it."""
        env = Settlement(self.solver)
        fresh: dict[Var, Var] = {}
        for param in sorted(
            region.params, key=lambda p: len(p.type.dims())
        ):  # scalars first: shapes may mention them
            fresh[param] = env.fresh(param)
        eqns = tuple(clone_eqn(e, env) for e in region.eqns)
        results = tuple(env.operand(r) for r in region.results)
        body = drop_whole_reads(Region(tuple(fresh[p] for p in region.params), eqns, results))
        guards = []
        for guard in self.solver.guards.values():
            dim = env.guarded(guard.dim) if guard.kind == "eq" else env.dim(self.solver.normalize(guard.dim))
            trivial = dim.constant is not None and (dim.constant == 0 or (guard.kind == "ge" and dim.constant > 0))
            if not trivial and not (guard.kind == "ge" and self.solver.proved(dim)):
                guards.append(Guard(guard.kind, dim, guard.message, guard.requirement, guard.span))
        hints = tuple(r.hint if isinstance(r, Var) else "" for r in results)
        function = Function(name, body, tuple(_strongest(guards)), hints, place)
        verify(function)
        return function


def _strongest(guards: list[Guard]) -> list[Guard]:
    """Without the guards that another one implies: d >= 0 says that d + 1 >= 0."""

    def implied(k: int) -> bool:
        for j, other in enumerate(guards):
            if j == k or guards[k].kind != "ge" or other.kind != "ge":
                continue
            surplus = (guards[k].dim - other.dim).constant
            if surplus is not None and (surplus > 0 or (surplus == 0 and j < k)):
                return True
        return False

    return [guard for k, guard in enumerate(guards) if not implied(k)]


def _positional(k: int) -> Accessor:
    return lambda args, kwargs: args[k]


def _keyword(key: str) -> Accessor:
    return lambda args, kwargs: kwargs[key]


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        # The stubs know only the two named limits.
        return bool(np.shares_memory(a, b, max_work=10_000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _name_of(fn: Any) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__name__", type(fn).__name__)
    return "function" if name == "<lambda>" else name


def _parameter_names(fn: Any, count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for k in range(count):
        if k < len(parameters) and parameters[k].kind in (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        ):
            names.append(parameters[k].name)
            continue
        variadic = next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), "arg")
        first = sum(
            p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in parameters
        )
        names.append(f"{variadic}[{k - first}]")
    return names
