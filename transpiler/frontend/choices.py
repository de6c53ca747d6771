"""Values whose kind data decides: None or a number, one of some strings, one of two functions.

In: a `Choice`, and what is to be done with the value. Out: what comes of it, done to each of its options in a branch of
its own. Where an operation has no meaning for None, a check raises at run time what Python raises. Establishes: what
conditions around the place say about the value is known there, so that `if x is not None: x + 1` has no check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.core import Core
from gradscribe.transpiler.frontend.kinds import arrays_alike
from gradscribe.transpiler.frontend.python_errors import PythonError, raised_by
from gradscribe.transpiler.frontend.values import Choice, NeedPeel, Slice, is_data
from gradscribe.transpiler.ir.builder import current_span, open_block
from gradscribe.transpiler.primitives.primitive import PRIMITIVES


class Choices(Core):
    """Distribution over options."""

    def each(self, choice: Choice, action: Callable[[Any], Any]) -> Any:
        """The action on the option that it is."""
        cases = self.possible(choice)
        if len(cases) == 1:
            return action(choice.options[cases[0]])

        def attempted(k: int) -> Any:
            try:
                return action(choice.options[k])
            except PythonError as error:
                return raised_by(error)

        def run(n: int) -> Any:
            if n + 1 == len(cases):
                return attempted(cases[n])
            is_this = self.is_case(choice, cases[n])
            if isinstance(is_this, bool):
                return attempted(cases[n]) if is_this else run(n + 1)
            return branch(self, is_this, lambda: attempted(cases[n]), lambda: run(n + 1))

        return self.whole(run(0))

    def as_value(self, value: Any) -> Any:
        """A choice of arrays that only need to be read, as one array."""
        if not isinstance(value, Choice) or not arrays_alike([value.options[k] for k in self.possible(value)]):
            return value
        return self.each(value, lambda option: self.views.fresh(self.views.read(option)))

    def each_present(
        self, value: Any, action: Callable[[Any], Any], error: type[Exception] = TypeError
    ) -> Any:
        """The action on a value that is not None: where it is, the program raises."""
        known = self.present_value(value, error=error)
        return self.each(known, action) if isinstance(known, Choice) else action(known)

    def over_options(
        self, args: list[Any], kwargs: dict[str, Any], action: Callable[[list[Any], dict[str, Any]], Any], present: bool
    ) -> Any:
        """The action on arguments, in a branch for each option of those that are choices. `present`: the first may not
        be None (others may: `axis=None`)."""
        k = next((k for k, value in enumerate(args) if isinstance(value, Choice)), None)
        if k is not None:
            each = self.each_present if present and k == 0 else self.each
            chosen = lambda option: [*args[:k], option, *args[k + 1 :]]
            return each(args[k], lambda option: self.over_options(chosen(option), kwargs, action, present))
        name = next((name for name, value in kwargs.items() if isinstance(value, Choice)), None)
        if name is None:
            return action(args, kwargs)
        named = lambda option: {**kwargs, name: option}
        return self.each(kwargs[name], lambda option: self.over_options(args, named(option), action, present))

    def each_in(self, index: Any, action: Callable[[Any], Any]) -> Any:
        """The action on an index, whatever choices there are in it."""
        if isinstance(index, Choice):
            return self.each(index, lambda option: self.each_in(option, action))
        parts = (index.start, index.stop, index.step) if isinstance(index, Slice) else index
        if not isinstance(parts, tuple):
            return action(index)
        place = next((k for k, part in enumerate(parts) if has_choice(part)), None)
        if place is None:
            return action(index)

        def replaced(part: Any) -> Any:
            new = (*parts[:place], part, *parts[place + 1 :])
            return self.each_in(Slice(*new) if isinstance(index, Slice) else new, action)

        return self.each_in(parts[place], replaced)

    def ask(self, choice: Choice, question: Callable[[Any], Any]) -> Any:
        """The answer to a question of yes or no."""
        cases = self.possible(choice)
        if any(is_data(choice.options[k]) for k in cases):
            answers = {k: self._known_answer(choice.options[k], question) for k in cases}
        else:
            answers = {k: question(choice.options[k]) for k in cases}
        if not all(isinstance(answer, bool) for answer in answers.values()):
            return self.each(choice, question)
        yes = [k for k, answer in answers.items() if answer]
        if len(yes) in (0, len(cases)):
            return bool(yes)
        few, positive = (yes, True) if 2 * len(yes) <= len(cases) else ([k for k in cases if k not in yes], False)
        result = self.is_case(choice, few[0])
        for k in few[1:]:
            result = PRIMITIVES["logical_or"](result, self.is_case(choice, k))
        return self.boxed(result if positive else self.opposite(result))

    def _known_answer(self, option: Any, question: Callable[[Any], Any]) -> Any:
        """The answer if it can be had without computing anything; None else."""
        with open_block() as block:
            start = self.store.here()
            try:
                answer = question(option)
            except PythonError:
                return None
            finally:
                self.store.undo(start)
        return answer if isinstance(answer, bool) and not block.eqns else None

    def of_one_kind(self, value: Any, what: str) -> Any:
        """A value that is used as a whole: its kind must be known."""
        if not isinstance(value, Choice):
            return value
        cases = self.possible(value)
        if len(cases) > 1:
            self.refuse(f"{what} {value.reason}", "ask for its kind with `if` before")
        return value.options[cases[0]]

    def read_choice(self, name: str, value: Any) -> Any:
        """A value that is being read: of the one kind that it is known to have here. At the head of a loop, one kind is
        tried first, with the first iteration in front of the loop."""
        if isinstance(value, Choice) and value.loop is not None and value.loop in self.births:
            raise NeedPeel(f"{name} {value.reason}", value.hint, value.loop, current_span())
        if isinstance(value, Choice):
            cases = self.possible(value)
            return self.read_choice(name, value.options[cases[0]]) if len(cases) == 1 else value
        return value

    # ---- implemented by the parts ----
    def whole(self, value: Any) -> Any:
        raise NotImplementedError

    def present(self, owner: Any, key: Any) -> Any:
        raise NotImplementedError

    def static_key(self, key: Any) -> Any:
        raise NotImplementedError


def has_choice(index: Any) -> bool:
    """Is an index, or a part of it, a choice?"""
    if isinstance(index, Slice):
        return any(isinstance(part, Choice) for part in (index.start, index.stop, index.step))
    return any(map(has_choice, index)) if isinstance(index, tuple) else isinstance(index, Choice)
