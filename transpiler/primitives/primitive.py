"""Kinds of primitives: what a rule author writes, and what follows from it.

Contract for rule authors: array operands are positional, static params are keyword-only and hashable; in `vjp`-like
rules `None` means a structural zero; operands of `batch` that are batched carry the batch axis in front;
un-broadcasting and dtype conversion of cotangents are the driver's job (`transforms`); rules never look at values, they
emit equations. Three zeros: `None` = structurally zero; integer or boolean results are not differentiable and never get
a tangent; a missing rule is a gap, raised as `NoRule` and declared in gaps.toml.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradscribe.transpiler.errors import DTypeError, NoRule, ShapeError
from gradscribe.transpiler.ir.builder import current_span, emit
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.equalities import equalities
from gradscribe.transpiler.ir.nodes import Effect, Literal, Operand, Region, Var
from gradscribe.transpiler.ir.types import ArrayType, Type
from gradscribe.transpiler.primitives.sample import Sample

Params = Mapping[str, Any]
Zeroable = Operand | None
DType = np.dtype[Any]
PRIMITIVES: dict[str, Primitive] = {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Primitive:
    """Base of all kinds. `source` is the NumPy text of the operation over operand names x, y, z, w (x0, x1, ... when
    `variadic`); a callable gets (params, operand types, result type, dim writer) and returns that text. `syntax` shows
    the Python syntax that it is instead of a call or an operator: the backends write that themselves, because they know
    which array it reads and decide what happens in place. `scalar` is the text of one element for loop bodies, over the
    same names, calling `gradscribe.kernels` functions. `expand(*operands, **params)` says the same operation in terms
    of other primitives, for whoever has no kernel of it. `view` says that NumPy's result shares the memory of operand
    0."""

    name: str
    effect: Effect = Effect.PURE
    allocates: bool = False
    view: bool = False
    source: str | Callable[..., str] = ""
    syntax: str = ""
    scalar: str | Callable[..., str] = ""
    expand: Callable[..., Any] | None = None
    variadic: bool = False
    samples: tuple[Sample, ...] = ()

    def __post_init__(self) -> None:
        if self.name in PRIMITIVES:
            raise ValueError(f"primitive {self.name} is defined twice")
        PRIMITIVES[self.name] = self

    def __call__(self, *operands: Any, **params: Any) -> Any:
        results = emit(self, operands, params)
        return results[0] if len(results) == 1 else results

    def __lt__(self, other: Primitive) -> bool:
        return self.name < other.name

    def __repr__(self) -> str:
        return self.name

    # ---- what every kind answers ----
    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        raise NotImplementedError

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        raise NotImplementedError

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        """Tangents of the results; called only if some tangent is not None."""
        raise self.gap("jvp")

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        """Cotangents of the operands; called only if some cotangent is not None. What it emits for operands that
        are not active is dropped by dead-code removal."""
        raise self.gap("vjp")

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        """Results (batch axis in front where the flag says so)."""
        raise self.gap("batch")

    def gap(self, rule: str) -> NoRule:
        return NoRule(current_span(), f"`{self.name}` has no {rule} rule", "see gaps.toml for what is not there yet")


@dataclass(frozen=True)
class Quotient:
    """A partial written numerator / denominator, so that the chain rule prints `ct * numerator / denominator`."""

    numerator: Any
    denominator: Any


@dataclass(frozen=True)
class RealLinear:
    """A partial that is linear over the reals only, as those of `z.real` and `abs(z)`: how it takes a tangent forward,
    and a cotangent back (bilinearly, without conjugation: the cotangent of z is d/dx - i d/dy, as in JAX)."""

    push: Callable[[Operand], Any]
    pull: Callable[[Operand], Any]


Partial = Operand | float | None | Quotient | RealLinear | Callable[[Operand], Any]


def apply_partial(t: Operand, partial: Partial, *, back: bool = False) -> Zeroable:
    """t * partial, for every way a partial may be written (a callable is the linear map itself); `back` for
    cotangents."""
    if partial is None:
        return None
    if isinstance(partial, RealLinear):
        mapped: Operand = (partial.pull if back else partial.push)(t)
        return mapped
    if isinstance(partial, Quotient):
        scaled = apply_partial(t, partial.numerator, back=back)
        return None if scaled is None else scaled / partial.denominator
    if callable(partial) and not isinstance(partial, Operand):
        result: Operand = partial(t)
        return result
    product: Operand = t * partial
    return product


def broadcast_shapes(shapes: Sequence[tuple[Dim, ...]], what: str) -> tuple[Dim, ...]:
    """NumPy broadcasting on symbolic shapes: a dim is stretched only if it is the literal 1; others must be equal
    polynomials."""
    rank = max(map(len, shapes), default=0)
    out: list[Dim] = []
    for axis in range(rank):
        dims = [s[axis - rank + len(s)] for s in shapes if axis - rank + len(s) >= 0]
        dims = [equalities().normalize(d) for d in dims]
        wide = [d for d in dims if d != 1]
        for d in wide[1:]:
            try:
                equalities().require(wide[0], d, what)
            except ShapeError as error:
                names = " with ".join(f"({', '.join(map(repr, s))}{',' * (len(s) == 1)})" for s in shapes if s)
                raise ShapeError(current_span(), f"cannot broadcast {names} in `{what}`") from error
        out.append(equalities().normalize(wide[0]) if wide else Dim.of(1))
    return tuple(out)


@functools.cache
def _result_dtype(
    function: Callable[..., Any], operands: tuple[tuple[DType, bool, bool], ...], static: tuple[tuple[str, Any], ...]
) -> DType:
    """The dtype that NumPy finds for operands given as (dtype, weak, scalar); it is not always the same for scalars and
    arrays (True ** 2 is an int64, an array of booleans squared is an int8)."""
    python = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1j}
    dummies = [python[d.kind] if weak else d.type(1) if scalar else np.ones(1, d) for d, weak, scalar in operands]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(function(*dummies, **dict(static))).dtype


def require_order(name: str, *dtypes: DType) -> None:
    """DTypeError where `name` asks which of two complex numbers is larger."""
    if any(d.kind == "c" for d in dtypes):
        raise DTypeError(current_span(), f"`{name}`: complex numbers have no order", "compare `abs(z)`, or parts of z")


def _static(params: Params) -> dict[str, Any]:
    """Params that the function itself takes: all but `weak`, which only says what kind of scalar comes out."""
    return {key: value for key, value in params.items() if key != "weak"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Elementwise(Primitive):
    """One output element from one element of each operand, with NumPy broadcasting.

    You write `function` (NumPy semantics), `source`, `scalar`, and `partials(y, *operands, **params)`: one `Partial`
    per operand, with the output y at hand. Type, JVP, VJP, batching, fusion and loops follow. A scalar result is weak
    (a Python scalar) if all operands are; the param `weak` overrides: `np.sin(2.0)` is `sin(2.0, weak=False)`.
    `ordering` says that it asks which operand is larger, and so takes no complex numbers; `promotes`, that operands of
    different dtypes are brought to one, as NumPy's ufuncs do."""

    function: Callable[..., Any]
    partials: Callable[..., Sequence[Partial]] | None = None
    arity: int = 1
    ordering: bool = False
    promotes: bool = True

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        arrays = [t for t in operands if isinstance(t, ArrayType)]
        if self.ordering:
            require_order(self.name, *(t.dtype for t in arrays))
        try:
            kinds = tuple((t.dtype, t.weak, not t.shape) for t in arrays)
            dtype = _result_dtype(self.function, kinds, tuple(_static(params).items()))
        except (TypeError, ValueError) as error:
            names = ", ".join(t.dtype.name for t in arrays)
            raise DTypeError(current_span(), f"`{self.name}` does not take {names}: {error}") from error
        shape = broadcast_shapes([t.shape for t in arrays], self.name)
        weak = params.get("weak", all(t.weak for t in arrays))
        return (ArrayType(dtype, shape, not shape and weak),)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        result = self.function(*operands, **_static(params))
        return (result[()] if isinstance(result, np.ndarray) and not result.ndim else result,)

    def _partials(
        self, rule: str, results: Sequence[Operand], operands: Sequence[Operand], params: Params
    ) -> Sequence[Partial]:
        if self.partials is None:
            raise self.gap(rule)
        return self.partials(results[0], *operands, **_static(params))

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        total: Zeroable = None
        for tangent, partial in zip(tangents, self._partials("jvp", results, operands, params), strict=True):
            term = None if tangent is None else apply_partial(tangent, partial)
            if term is not None:
                total = term if total is None else total + term
        return (total,)

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        partials = self._partials("vjp", results, operands, params)
        (ct,) = cotangents
        assert ct is not None
        return tuple(apply_partial(ct, p, back=True) for p in partials)

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        rank = max(x.rank - b for x, b in zip(operands, batched, strict=True))
        aligned = [align_batch(x, rank) if b else x for x, b in zip(operands, batched, strict=True)]
        return emit(self, aligned, _static(params)), (True,)


def align_batch(x: Operand, rank: int) -> Operand:
    """Insert axes after the batch axis until the rest has `rank` axes, so that broadcasting lines up from the right."""
    missing = rank - (x.rank - 1)
    if missing == 0:
        return x
    shape = (x.shape[0], *(Dim.of(1),) * missing, *x.shape[1:])
    return PRIMITIVES["reshape"](x, shape=shape)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear(Primitive):
    """Linear in the operands listed in `linear_in` (jointly), the others being integers or static.

    You write `infer_type(*types, **params)`, `run(*values, **params)`, `transpose(ct, *operands, **params)` giving one
    cotangent per linear operand (in order), and `batching(operands, batched, size, **params)`. JVP is the operation
    itself."""

    infer_type: Callable[..., Type]
    run: Callable[..., Any]
    transpose: Callable[..., Any] | None = None
    batching: Callable[..., Any] | None = None
    linear_in: tuple[int, ...] | None = (0,)

    def linear_operands(self, count: int) -> tuple[int, ...]:
        """Positions of linear operands; None in `linear_in` means all of them."""
        return tuple(range(count)) if self.linear_in is None else self.linear_in

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return (self.infer_type(*operands, **params),)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.run(*operands, **params),)

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        linear = self.linear_operands(len(operands))
        if all(tangents[k] is None for k in linear):
            return (None,)
        new = list(operands)
        for k in linear:
            t = tangents[k]
            new[k] = zeros_of(operands[k].type) if t is None else t
        return emit(self, new, dict(params))

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.transpose is None:
            raise self.gap("vjp")
        out: list[Zeroable] = [None] * len(operands)
        cts = self.transpose(cotangents[0], *operands, **params)
        linear = self.linear_operands(len(operands))
        for k, ct in zip(linear, cts if isinstance(cts, (tuple, list)) else (cts,), strict=True):
            out[k] = ct
        return tuple(out)

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        if self.batching is None:
            raise self.gap("batch")
        return (self.batching(operands, batched, size, **params),), (True,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reindex(Linear):
    """A `Linear` that only moves elements: each output element is one input element (broadcast, transpose, slice,
    flip).

    NumPy gives a view, unless `view` says otherwise. `source_index(output index, *operand types, **params)` maps
    symbolic output subscripts (a tuple of `Dim`) to the subscripts of operand 0, so that loops load through it instead
    of copying."""

    view: bool = True
    source_index: Callable[..., tuple[Dim, ...]] | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Reduction(Primitive):
    """Combines elements along `axes` (param, sorted tuple of ints; the axes disappear).

    You write `run(x, axes=)`, `combine` and `init` (loop text: `combine` over acc and x), and either `transpose(ct, x,
    axes)` (a linear reduction) or `partials(ct_broadcast, y_broadcast, x, axes)` = cotangent of x."""

    run: Callable[..., Any]
    combine: str
    init: str | Callable[[DType], str]
    linear: bool = False
    pull: Callable[..., Operand] | None = None
    push: Callable[..., Operand] | None = None
    result_dtype: Callable[[DType], DType] = lambda d: d

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        (x,) = operands
        assert isinstance(x, ArrayType)
        axes = params["axes"]
        return (ArrayType(self.result_dtype(x.dtype), tuple(d for k, d in enumerate(x.shape) if k not in axes)),)

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.run(operands[0], axes=params["axes"]),)

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        (t,) = tangents
        if self.linear:
            return emit(self, (t,), dict(params))
        if self.push is None:
            raise self.gap("jvp")
        return (self.push(t, results[0], operands[0], axes=params["axes"]),)

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.pull is None:
            raise self.gap("vjp")
        return (self.pull(cotangents[0], results[0], operands[0], axes=params["axes"]),)

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        return emit(self, operands, {"axes": tuple(a + 1 for a in params["axes"])}), (True,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Library(Primitive):
    """An operation with a kernel of its own; every rule is written by hand in terms of primitives. `alone` has texts
    that give one of several results, by its number, where the others are not read."""

    infer_types: Callable[..., Sequence[Type]]
    run: Callable[..., Sequence[Any]]
    jvp_rule: Callable[..., Sequence[Zeroable]] | None = None
    vjp_rule: Callable[..., Sequence[Zeroable]] | None = None
    batch_rule: Callable[..., tuple[Sequence[Operand], Sequence[bool]]] | None = None
    alone: Callable[..., Mapping[int, str]] = lambda **params: {}

    def infer(self, operands: tuple[Type, ...], params: Params, regions: tuple[Region, ...]) -> tuple[Type, ...]:
        return tuple(self.infer_types(*operands, **params))

    def evaluate(self, operands: tuple[Any, ...], params: Params, regions: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.run(*operands, **params))

    def jvp(
        self, operands: Sequence[Operand], results: Sequence[Operand], tangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.jvp_rule is None:
            raise self.gap("jvp")
        return tuple(self.jvp_rule(operands, results, tangents, **params))

    def vjp(
        self, operands: Sequence[Operand], results: Sequence[Operand], cotangents: Sequence[Zeroable], params: Params
    ) -> tuple[Zeroable, ...]:
        if self.vjp_rule is None:
            raise self.gap("vjp")
        return tuple(self.vjp_rule(operands, results, cotangents, **params))

    def batch(
        self, operands: Sequence[Operand], batched: Sequence[bool], size: Dim, params: Params
    ) -> tuple[Sequence[Operand], Sequence[bool]]:
        if self.batch_rule is None:
            raise self.gap("batch")
        return self.batch_rule(operands, batched, size, **params)


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionPrimitive(Primitive):
    """`loop` and `if`: the transformations treat them by hand."""


def zeros_of(type: Type) -> Operand:
    """A zero value of `type`: a literal for scalars, a fresh array otherwise, an empty stack for stacks."""
    if not isinstance(type, ArrayType):
        return PRIMITIVES["stack_new"](dtype=type.dtype, element_rank=type.element_rank)  # type: ignore[no-any-return]
    if not type.shape:
        zero = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": 0j}[type.dtype.kind]
        return Literal(zero if type.weak else type.dtype.type(zero))
    return PRIMITIVES["zeros"](shape=type.shape, dtype=type.dtype)  # type: ignore[no-any-return]


def is_literal(x: object, value: float) -> bool:
    return isinstance(x, Literal) and not isinstance(x.value, (bool, np.bool_)) and x.value == value


__all__ = [
    "PRIMITIVES",
    "Elementwise",
    "Library",
    "Linear",
    "Primitive",
    "Quotient",
    "RealLinear",
    "Reduction",
    "RegionPrimitive",
    "Reindex",
    "Var",
]
