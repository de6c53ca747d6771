"""Statements: one method per node; blocks answer with a completion code.

In: statements and a frame. Out: 0 (fell through), BREAK, CONTINUE, RETURN_CODE, an integer `Dim` where data decides,
or `Raised`. Establishes: a branch on data that always leaves takes the rest of the block into the other branch; the
value of `return` rides in the slot RETURN of the frame.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import gast

from gradscribe.transpiler.frontend import python_iterators
from gradscribe.transpiler.frontend.branches import branch
from gradscribe.transpiler.frontend.choices import has_choice
from gradscribe.transpiler.frontend.liveness import BREAK, CONTINUE, RETURN_CODE, always_leaves, exits, liveness_of
from gradscribe.transpiler.frontend.python_errors import PythonError, Raised
from gradscribe.transpiler.frontend.reading import Reading
from gradscribe.transpiler.frontend.trying import Trying
from gradscribe.transpiler.frontend.values import (
    MISSING,
    RETURN,
    Array,
    BoundMethod,
    Choice,
    Closure,
    Container,
    Dict,
    Flat,
    Frame,
    List,
    Object,
    Slice,
    Text,
    describe,
    is_data,
    is_number,
)
from gradscribe.transpiler.ir.builder import current_span
from gradscribe.transpiler.ir.dims import Dim
from gradscribe.transpiler.ir.nodes import Var

FLOATING_POINT_ERRORS = ("divide", "over", "under", "invalid")


IN_PLACE = {
    "Add": "__iadd__", "Sub": "__isub__", "Mult": "__imul__", "Div": "__itruediv__", "Pow": "__ipow__",
    "MatMult": "__imatmul__", "FloorDiv": "__ifloordiv__", "Mod": "__imod__",
}  # fmt: skip


class Statements(Trying):
    """Execution."""

    def run_block(self, statements: list[Any], frame: Frame) -> Any:
        for k, s in enumerate(statements):
            rest = statements[k + 1 :]
            code, took_rest = self._run(s, rest, frame)
            if took_rest or isinstance(code, Raised):
                return code
            if isinstance(code, int):
                if code:
                    return code
                continue
            if not rest:
                return code
            return self._rest_unless_left(s, code, rest, frame)
        return 0

    def _rest_unless_left(self, s: Any, code: Any, rest: list[Any], frame: Frame) -> Any:
        """The rest of a block, where data decides whether the statement before it left the block."""
        left = self.operand(self.binary("NotEq", code, 0))
        leaves = exits(s)
        only = next(iter(leaves)) if len(leaves) == 1 else None
        stays = lambda: self.run_block(rest, frame)
        return branch(self, left, lambda: self._left(frame, code, only), stays, self._end_live(s, frame))

    def _run(self, s: Any, rest: list[Any], frame: Frame) -> tuple[Any, bool]:
        method = getattr(self, f"run_{type(s).__name__}", None)
        with self.at(s, frame):
            if method is None:
                self.refuse(f"`{type(s).__name__}` statements are not accepted")
            if isinstance(s, gast.If):
                return self._run_if(s, rest, frame)
            code = method(s, frame)
            return (0 if code is None else code), False

    # ---- plain statements ----
    def run_Pass(self, s: Any, frame: Frame) -> None:
        pass

    def run_Break(self, s: Any, frame: Frame) -> int:
        return BREAK

    def run_Continue(self, s: Any, frame: Frame) -> int:
        return CONTINUE

    def run_Expr(self, s: Any, frame: Frame) -> Any:
        if isinstance(s.value, gast.Yield):
            return self.hand_over(s.value, frame)
        self.evaluate(s.value, frame)
        return 0

    def run_Return(self, s: Any, frame: Frame) -> int:
        value = None if s.value is None else self.evaluate(s.value, frame)
        self.store.set(frame, RETURN, value)
        return RETURN_CODE

    def run_Global(self, s: Any, frame: Frame) -> None:
        frame.globals.update(dict.fromkeys(s.names))

    def run_Nonlocal(self, s: Any, frame: Frame) -> None:
        for name in s.names:
            frame.nonlocals[name] = None

    def run_Import(self, s: Any, frame: Frame) -> None:
        for alias in s.names:
            module = self.python(importlib.import_module, alias.name)
            if alias.asname is None:
                module = self.python(importlib.import_module, alias.name.split(".")[0])
            self.store.set(frame, alias.asname or alias.name.split(".")[0], module)

    def run_ImportFrom(self, s: Any, frame: Frame) -> None:
        if s.level:
            self.refuse("a relative import inside a function is not accepted", "import at the top of the module")
        module = self.python(importlib.import_module, s.module)
        for alias in s.names:
            value = self.lift(
                self.python(getattr, module, alias.name), alias.name, Reading(module, "attribute", alias.name)
            )
            self.store.set(frame, alias.asname or alias.name, value)

    def run_FunctionDef(self, s: Any, frame: Frame) -> None:
        value: Any = Closure(s, frame.closure.file, s.name, frame, defaults=self.defaults_of(s, frame))
        for decorator in reversed(s.decorator_list):
            value = self.call(self.evaluate(decorator, frame), [value], {})
        self.store.set(frame, s.name, value)

    def run_Delete(self, s: Any, frame: Frame) -> None:
        for target in s.targets:
            if isinstance(target, gast.Name):
                self.read_name(target.id, frame)
                self.store.set(frame, target.id, MISSING)
                continue
            if not isinstance(target, (gast.Subscript, gast.Attribute)):
                self.refuse("`del` of this is not accepted")
            owner = self.evaluate(target.value, frame)
            if isinstance(target, gast.Attribute) and isinstance(owner, Object):
                self.get_attribute(owner, target.attr)
                self.store.write(owner, target.attr, MISSING)
            elif isinstance(target, gast.Subscript) and isinstance(owner, List):
                self._delete_items(owner, self.evaluate(target.slice, frame))
            elif isinstance(target, gast.Subscript) and isinstance(owner, Dict):
                self.call(self.get_attribute(owner, "pop"), [self.evaluate(target.slice, frame)], {})
            else:
                self.refuse("`del` is accepted for names, entries of lists and dicts, and attributes of objects")

    def _delete_items(self, owner: List, index: Any) -> None:
        if owner.grows and not isinstance(index, Slice):
            self.generated(python_iterators.popped_at, owner, index)
            return
        self.listed(owner)
        items = [self.slot(owner, k) for k in range(len(owner.slots))]
        place = self.python_slice(index) if isinstance(index, Slice) else self.static_int(index, "a place is static")
        self.python(items.__delitem__, place)
        self.replace_items(owner, items)

    def replace_items(self, owner: List, items: list[Any]) -> None:
        raise NotImplementedError

    def list_clear(self, owner: List) -> None:
        raise NotImplementedError

    def run_With(self, s: Any, frame: Frame) -> Any:
        """`with np.errstate(...)` only concerns warnings: its body runs as it stands (the fence lets only that in), and
        the whole program keeps quiet about what is ignored somewhere."""
        for item in s.items:
            for keyword in item.context_expr.keywords:
                mode = self.evaluate(keyword.value, frame)
                if mode not in ("ignore", "warn", None) or keyword.arg not in (*FLOATING_POINT_ERRORS, "all", "call"):
                    self.refuse(
                        f"`np.errstate({keyword.arg}={mode!r})` is not accepted: only warnings can be turned off",
                        "gs.config(check_nans=True) raises where an operation makes a NaN",
                    )
                if mode == "ignore":
                    kinds = FLOATING_POINT_ERRORS if keyword.arg == "all" else (keyword.arg,)
                    self.quiet.update(dict.fromkeys(kinds))
        return self.run_block(s.body, frame)

    # ---- assert, raise ----
    def run_Assert(self, s: Any, frame: Frame) -> Any:
        truth = self.test(s.test, frame)
        if truth is True:
            return 0

        def raised() -> Raised:  # the message is made where the assertion fails
            message = "" if s.msg is None else self.text_of(self.evaluate(s.msg, frame))
            return Raised(AssertionError, message or frame.closure.file.text(s.test), None, current_span())

        return raised() if truth is False else branch(self, truth, lambda: 0, raised)

    def run_Raise(self, s: Any, frame: Frame) -> Raised:
        if s.exc is None:
            if not self.handled:
                self.fail(PythonError, "RuntimeError: No active exception to reraise")
            return self.handled[-1].raised
        if isinstance(s.exc, gast.Call):
            kind = self.evaluate(s.exc.func, frame)
            args = self.elements(s.exc.args, frame)
        else:
            kind, args = self.evaluate(s.exc, frame), []
        if isinstance(kind, Exception):
            return Raised(type(kind), str(kind), kind, current_span())
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            self.refuse("only exceptions written as `raise Kind(message)` are accepted")
        if any(map(is_data, args)):
            if len(args) > 1:
                self.refuse("an exception of several values, one of them data, is not accepted", "write one f-string")
            if isinstance(args[0], Container) or type(args[0]) is tuple:
                self.refuse("an exception made of a container of data is not accepted", "write an f-string")
            message: Any = args[0] if isinstance(args[0], Text) else self.operand(args[0])
            return Raised(kind, message, None, current_span())
        exception = self.python(kind, *args)
        if len(args) > 1 and not self.raises_now():
            self.refuse("where data decides, an exception takes one message", "write one f-string")
        number = bool(args) and is_number(args[0])
        message = self.operand(args[0]) if number else str(args[0]) if args else ""
        return Raised(kind, message, exception, current_span())

    # ---- if ----
    def run_If(self, s: Any, frame: Frame) -> Any:
        raise AssertionError("`if` takes the rest of its block")

    def _run_if(self, s: Any, rest: list[Any], frame: Frame) -> tuple[Any, bool]:
        test = self.test(s.test, frame)
        if isinstance(test, bool):
            return self.run_block(s.body if test else s.orelse, frame), False
        then, otherwise = s.body, s.orelse
        leaves_then, leaves_else = always_leaves(then), always_leaves(otherwise)
        liveness = liveness_of(frame.closure.node)
        moved = leaves_then != leaves_else
        if moved:  # the rest of the block goes where control falls through
            then, otherwise = (then, otherwise + rest) if leaves_then else (then + rest, otherwise)
        names = liveness.end[id(s)] if moved else liveness.after[id(s)]
        code = branch(
            self,
            test,
            lambda: self.run_block(then, frame),
            lambda: self.run_block(otherwise, frame),
            self._live(frame, names),
        )
        return self._plain_code(code), moved

    # ---- assignment ----
    def run_Assign(self, s: Any, frame: Frame) -> None:
        value = self.evaluate(s.value, frame)
        for target in s.targets:
            self.assign(target, value, frame)

    def run_AnnAssign(self, s: Any, frame: Frame) -> None:
        if s.value is not None:
            self.assign(s.target, self.evaluate(s.value, frame), frame)

    def assign(self, target: Any, value: Any, frame: Frame) -> None:
        with self.at(target, frame):
            if isinstance(target, gast.Name):
                self.assign_name(target.id, value, frame)
            elif isinstance(target, (gast.Tuple, gast.List)):
                self._unpack(target, value, frame)
            elif isinstance(target, gast.Subscript):
                owner = self.evaluate(target.value, frame)
                self.set_item(owner, self.evaluate(target.slice, frame), value)
            elif isinstance(target, gast.Attribute):
                self.set_attribute(self.evaluate(target.value, frame), target.attr, value)
            else:
                self.refuse(f"assignment to `{type(target).__name__}` is not accepted")

    def assign_name(self, name: str, value: Any, frame: Frame) -> None:
        scope = frame
        while name in scope.nonlocals and scope.parent is not None:
            scope = scope.parent
            while name not in scope.slots and scope.parent is not None:
                scope = scope.parent
        if scope is not frame and name not in scope.slots:
            self.refuse(f"`nonlocal {name}` of a function that has returned or is not staged is not accepted")
        self._name_value(name, value)
        self.store.set(scope, name, value)

    def _name_value(self, name: str, value: Any) -> None:
        """Results are called what the user calls them."""
        if not name.isidentifier():  # of a construct that was rewritten
            return
        if isinstance(value, Array) and not value.chain and not value.box.name:
            value.box.name = name
        var = value.box.slots.get("value") if isinstance(value, Array) and not value.chain else value
        if isinstance(var, Dim):
            if not self.inside_own_text():
                self.solver.call_symbol(var.single_atom, name)
            return
        if isinstance(var, Var) and not var.hint:
            var.hint = name

    def _unpack(self, target: Any, value: Any, frame: Frame) -> None:
        items = self.items(value)
        starred = [k for k, t in enumerate(target.elts) if isinstance(t, gast.Starred)]
        if starred:
            k = starred[0]
            after = len(target.elts) - k - 1
            if len(items) < k + after:
                self.fail(
                    PythonError,
                    f"ValueError: not enough values to unpack (expected at least {k + after}, got {len(items)})",
                )
            middle = List.of(items[k : len(items) - after])
            parts = [*items[:k], middle, *items[len(items) - after :]]
            targets = [t.value if isinstance(t, gast.Starred) else t for t in target.elts]
        else:
            parts, targets = items, target.elts
        if len(parts) != len(targets):
            few = "not enough" if len(parts) < len(targets) else "too many"
            self.fail(PythonError, f"ValueError: {few} values to unpack (expected {len(targets)}, got {len(parts)})")
        for t, part in zip(targets, parts, strict=True):
            self.assign(t, part, frame)

    def set_item(self, owner: Any, index: Any, value: Any) -> None:
        if isinstance(owner, Choice):
            self.each_present(owner, lambda option: self.set_item(option, index, value))
        elif has_choice(index):
            self.each_in(index, lambda option: self.set_item(owner, option, value))
        else:
            self._set_item(owner, index, value)

    def _refills(self, owner: List, index: Slice, value: Any) -> bool:
        """`xs[:] = ys` of lists of which one grows: what ys holds does not depend on xs any more."""
        whole = index.start is None and index.stop is None and index.step in (None, 1)
        return whole and isinstance(value, List) and value is not owner and (owner.grows or value.grows)

    def _set_item(self, owner: Any, index: Any, value: Any) -> None:
        if isinstance(owner, Array):
            self.set_array_item(owner, index, value)
        elif isinstance(owner, Dict) and self.data_position(index):
            self.at_each_key(owner, index, lambda k: self.store.write(owner, k, value))
        elif isinstance(owner, Dict):
            self.store.write(owner, self.static_key(index), value)
        elif isinstance(owner, List) and isinstance(index, Slice) and self._refills(owner, index, value):
            self.list_clear(owner)
            self.extend(owner, value)
        elif isinstance(owner, List) and isinstance(index, Slice):
            self.listed(owner)
            items = [self.slot(owner, k) for k in range(len(owner.slots))]
            self.python(items.__setitem__, self.python_slice(index), self.items(value))
            self.replace_items(owner, items)
        elif isinstance(owner, List) and owner.grows:
            self.set_item_of(owner, index, value)
        elif isinstance(owner, List):
            count = len(owner.slots)
            if self.data_position(index) and count:
                if self.in_buffers(owner):
                    self.set_item_of(owner, index, value)
                else:
                    self.at_each_key(owner, index, lambda k: self.store.write(owner, k, value))
                return
            k = self.static_int(index, "the position in a Python list must be static")
            if not -count <= k < count:
                self.fail(PythonError, f"IndexError: list assignment index {k} out of range")
            self.store.write(owner, k % count, value)
        elif isinstance(owner, Flat):
            self.set_flat_item(owner, index, value)
        elif isinstance(owner, Object):
            self.call(self.get_attribute(owner, "__setitem__"), [index, value], {})
        else:
            self.fail(PythonError, f"TypeError: {describe(owner)} does not support item assignment")

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        if isinstance(owner, Choice):
            self.each_present(owner, lambda option: self.set_attribute(option, name, value), AttributeError)
            return
        if isinstance(owner, Array) and name == "flat":
            self.set_flat_item(Flat(self.views.flat(owner)), slice(None), value)
            return
        if isinstance(owner, Array) and name in ("real", "imag"):
            self.set_item(self.get_attribute(owner, name), (Ellipsis,), value)
            return
        if not isinstance(owner, Object):
            remedy = "write x = x.reshape(...)" if isinstance(owner, Array) and name == "shape" else ""
            self.refuse(f"setting an attribute of {describe(owner)} is not accepted", remedy)
        if getattr(getattr(owner.cls, "__dataclass_params__", None), "frozen", False):
            self.fail(PythonError, f"FrozenInstanceError: cannot assign to field '{name}'")
        setter = getattr(owner.cls, name, None)
        if isinstance(setter, property):
            if setter.fset is None:
                self.fail(PythonError, f"AttributeError: property '{name}' has no setter")
            self.call(BoundMethod(self.lift(setter.fset, name, None), owner), [value], {})
            return
        self.store.write(owner, name, value)

    def run_AugAssign(self, s: Any, frame: Frame) -> None:
        op = type(s.op).__name__
        target = s.target
        if isinstance(target, gast.Name):
            old = self.read_name(target.id, frame)
            new = self._augmented(op, old, lambda: self.evaluate(s.value, frame))
            if new is not old:
                self.assign_name(target.id, new, frame)
            return
        owner = self.evaluate(target.value, frame)
        if isinstance(target, gast.Subscript):
            index = self.evaluate(target.slice, frame)
            update = lambda one, place: self._update_item(one, place, op, lambda: self.evaluate(s.value, frame))
            self.each_present(owner, lambda one: self.each_in(index, lambda place: update(one, place)))
            return
        self.each_present(owner, lambda one: self._update_attribute(one, s, frame), AttributeError)

    def _update_item(self, owner: Any, index: Any, op: str, value: Callable[[], Any]) -> None:
        if isinstance(owner, Array):
            self.update_array_item(owner, index, op, value)
        else:
            self.set_item(owner, index, self._augmented(op, self.get_item(owner, index), value))

    def _update_attribute(self, owner: Any, s: Any, frame: Frame) -> None:
        name = s.target.attr
        value = self._augmented(
            type(s.op).__name__, self.get_attribute(owner, name), lambda: self.evaluate(s.value, frame)
        )
        self.set_attribute(owner, name, value)

    def _augmented(self, op: str, old: Any, value: Callable[[], Any]) -> Any:
        if isinstance(old, Choice):
            old = self.present_value(old)
        if isinstance(old, Choice):
            return self._augmented_choice(op, old, value())
        if isinstance(old, Array):
            self.update_in_place(old, op, value())
            return old
        if isinstance(old, List) and op == "Add":
            self.extend(old, value())
            return old
        if isinstance(old, Object):
            name = IN_PLACE.get(op, "")
            if name and hasattr(old.cls, name):
                return self.call(self.get_attribute(old, name), [value()], {})
        if isinstance(old, Dict) and op == "BitOr":
            self.call(self.get_attribute(old, "update"), [value()], {})
            return old
        return self.binary(op, old, value())

    def _augmented_choice(self, op: str, old: Choice, value: Any) -> Any:
        """What is changed in place stays what it is."""
        cases = [old.options[k] for k in self.possible(old)]
        result = self.each(old, lambda option: self._augmented(op, option, lambda: value))
        return old if all(isinstance(option, (Array, List)) for option in cases) else result
