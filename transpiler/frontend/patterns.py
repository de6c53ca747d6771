"""Patterns of `match`: does a value have this form, and which parts get names?

In: a subject and a pattern. Out: True, False or a boolean operand, and the names it binds with their values. As in
Python, names are bound when the whole pattern fits, and arrays are no sequences.
"""

from __future__ import annotations

from typing import Any

import gast

from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.expressions import Expressions
from gradscribe.transpiler.frontend.values import Dict, Frame, List, Sequence
from gradscribe.transpiler.primitives.primitive import PRIMITIVES

_SELF_MATCHING = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
Bound = dict[str, Any]


class Patterns(Expressions):
    """Pattern matching."""

    def evaluate_PatternTest(self, node: Any, frame: Frame) -> Any:
        bound: Bound = {}
        fits = self._fits(node.pattern, self.evaluate(node.subject, frame), bound, frame)
        if fits is False:
            return False

        def bind() -> bool:
            for target in node.bound:
                if target.id in bound:
                    self.assign(target, bound[target.id], frame)
            return True

        if fits is True:
            return bind()
        return branch(self, fits, bind, lambda: False) if bound else fits

    def _fits(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        with self.at(pattern, frame):
            return getattr(self, f"_fits_{type(pattern).__name__}")(pattern, subject, bound, frame)

    def _all(self, tests: Any) -> Any:
        """Do all fit? Those after one that surely does not are not asked."""
        result: Any = True
        for one in tests:
            if one is False:
                return False
            result = one if result is True else result if one is True else PRIMITIVES["logical_and"](result, one)
        return result

    def _fits_MatchValue(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        return self.truth(self.binary("Eq", subject, self.evaluate(pattern.value, frame)))

    def _fits_MatchSingleton(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        return self.compare("Is", subject, pattern.value)

    def _fits_MatchAs(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        fits = True if pattern.pattern is None else self._fits(pattern.pattern, subject, bound, frame)
        if pattern.name is not None:
            bound[pattern.name] = subject
        return fits

    def _fits_MatchOr(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        result: Any = False
        for alternative in pattern.patterns:
            inner: Bound = {}
            one = self._fits(alternative, subject, inner, frame)
            if one is not False and inner and (one is not True or result is not False):
                self.refuse("names in a `|` pattern that data decides are not accepted", "write two cases")
            bound.update(inner if one is True else {})
            if one is True:
                return True
            result = one if result is False else result if one is False else PRIMITIVES["logical_or"](result, one)
        return result

    def _fits_MatchSequence(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        subject = self.of_one_kind(subject, "what is matched")
        sequence = isinstance(subject, (List, tuple, range)) or (isinstance(subject, Sequence) and subject.range)
        if not sequence:
            return False
        items = self.items(subject)
        stars = [k for k, p in enumerate(pattern.patterns) if isinstance(p, gast.MatchStar)]
        if not stars:
            if len(items) != len(pattern.patterns):
                return False
            parts = items
        else:
            k, after = stars[0], len(pattern.patterns) - stars[0] - 1
            if len(items) < k + after:
                return False
            parts = [*items[:k], List.of(items[k : len(items) - after]), *items[len(items) - after :]]
        return self._all(self._fits(p, v, bound, frame) for p, v in zip(pattern.patterns, parts, strict=True))

    def _fits_MatchStar(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        if pattern.name is not None:
            bound[pattern.name] = subject
        return True

    def _fits_MatchMapping(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        subject = self.of_one_kind(subject, "what is matched")
        if not isinstance(subject, Dict):
            return False
        keys = [self.static_key(self.evaluate(key, frame)) for key in pattern.keys]
        if any(key not in subject.slots for key in keys):
            return False
        tests = zip(pattern.patterns, keys, strict=True)
        fits = self._all(self._fits(p, self.get_item(subject, key), bound, frame) for p, key in tests)
        if pattern.rest is not None and fits is not False:
            bound[pattern.rest] = Dict({k: self.get_item(subject, k) for k in subject.slots if k not in keys})
        return fits

    def _fits_MatchClass(self, pattern: Any, subject: Any, bound: Bound, frame: Frame) -> Any:
        cls = self.evaluate(pattern.cls, frame)
        if not isinstance(cls, type):
            self.refuse("a class pattern needs a class")
        subject = self.of_one_kind(subject, "what is matched")
        if not issubclass(self.python_type(subject), cls):
            return False
        names = list(pattern.kwd_attrs)
        if pattern.patterns and cls in _SELF_MATCHING:
            positional = [(p, subject) for p in pattern.patterns[:1]]
        else:
            order = getattr(cls, "__match_args__", ())
            if len(order) < len(pattern.patterns):
                self.refuse(f"`{cls.__qualname__}` takes {len(order)} positional patterns", "name the attributes")
            positional = []
            names = [*order[: len(pattern.patterns)], *names]
        patterns = [*pattern.patterns[len(positional) :], *pattern.kwd_patterns]

        def tests() -> Any:
            for p, value in positional:
                yield self._fits(p, value, bound, frame)
            for p, name in zip(patterns, names, strict=True):
                has = self.call_hasattr(subject, name)
                yield has and self._fits(p, self.get_attribute(subject, name), bound, frame)

        return self._all(tests())

    def python_type(self, value: Any) -> type:
        raise NotImplementedError

    def call_hasattr(self, owner: Any, name: str) -> Any:
        raise NotImplementedError
