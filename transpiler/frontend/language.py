"""The accepted language as one table: what docs/language.md is printed from.

Out: `ROWS`, each a construct with its status, what holds or why not, the remedy, and the program of the tests that
shows it: one that runs (accepted, conditional), or one whose message is kept (refused). Refusals that the fence knows
are taken from it; the texts of the others are those of the messages, which a test compares.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from gradscribe.transpiler.frontend.fence import (
    CONDITIONAL,
    ENVIRONMENT,
    OF_OUTSIDE,
    REFUSED,
    REFUSED_CALLS,
    REFUSED_OF_DATA,
    VECTORIZED,
    WRITTEN_GLOBAL,
    Refusal,
)

ACCEPTED, IN_PART, REFUSED_ = "accepted", "conditional", "refused"


@dataclass(frozen=True)
class Row:
    """`uses`: what the program's text must contain, the name of a syntax node, with `.field` a field of one that is not
    empty, or a dotted name after `call `. Empty where the construct is a matter of values."""

    area: str
    construct: str
    status: str
    shown_by: str
    uses: str = ""
    note: str = ""
    remedy: str = ""


def _accepted(area: str, construct: str, shown_by: str, uses: str = "", note: str = "") -> Row:
    return Row(area, construct, ACCEPTED, shown_by, uses, note)


def _in_part(area: str, construct: str, shown_by: str, uses: str, note: str) -> Row:
    return Row(area, construct, IN_PART, shown_by, uses, note)


def _refused(area: str, construct: str, shown_by: str, refusal: Refusal) -> Row:
    return Row(area, construct, REFUSED_, shown_by, "", *refusal)


def _conditional(node: Any) -> Refusal:
    return CONDITIONAL[node][1]


_TRY = "`try` cannot catch it"
_TESTED = "test the condition with `if`"

LOOPS = "Loops"
_LOOPS = (
    _accepted(LOOPS, "`for` over `range`, bounds and steps static or data, up or down", "ranges", "call range"),
    _accepted(LOOPS, "`for` over arrays (rows), lists, tuples, dicts, strings", "what_loops_go_over", "For"),
    _accepted(LOOPS, "`enumerate`, `reversed`", "what_loops_go_over", "call enumerate"),
    _in_part(LOOPS, "`zip`, of uneven lengths too", "what_loops_go_over", "call zip",
             "of at most one generator; `strict=True` of things with a length only"),
    _accepted(LOOPS, "`np.ndindex`, `np.ndenumerate`", "what_loops_go_over", "call np.ndindex"),
    _accepted(LOOPS, "any target: names, tuples, subscripts", "what_loops_go_over", "For"),
    _accepted(LOOPS, "`while`, with compound conditions and `:=`", "while_conditions", "While"),
    _accepted(LOOPS, "`break`, `continue`, `return` at any depth", "exits_at_any_depth", "Break"),
    _accepted(LOOPS, "`else` of a loop", "exits_at_any_depth", "For.orelse"),
    _accepted(LOOPS, "a bound that changes inside its loop", "exits_at_any_depth", "For"),
    _in_part(LOOPS, "the loop variable after the loop", "ranges", "For",
             "where it may never have been assigned, reading it raises as in Python"),
    _in_part(LOOPS, "a loop that never runs", "loops_that_never_run", "For",
             "a number has one type after a loop: `s = 0` that sums floats is `0.0` after no iteration, not `0`"),
    _in_part(LOOPS, "loops over lists, tuples and dicts of arrays", "comprehensions", "",
             "they are unrolled, up to 1000 iterations (64 if data may end it), but for lists that grew in a loop"),
)  # fmt: skip

BRANCHES = "Branches"
_BRANCHES = (
    _accepted(BRANCHES, "`if`, `elif`, `else` on data", "exits_at_any_depth", "If", "only the chosen side is computed"),
    _accepted(BRANCHES, "conditional expressions", "short_circuits", "IfExp"),
    _accepted(BRANCHES, "`and`, `or`, `not`, giving values as in Python", "short_circuits", "BoolOp",
              "the right side is computed only where it decides"),
    _accepted(BRANCHES, "chained comparisons", "short_circuits", "Compare"),
    _accepted(BRANCHES, "`match` with literals, `|`, sequences, mappings, classes, guards", "match_on_static_values",
              "Match"),
    _accepted(BRANCHES, "`match` on data: values and guards are branches", "match_on_data", "Match"),
    _refused(BRANCHES, "names in a `|` pattern that data decides", "names_in_alternatives",
             ("names in a `|` pattern that data decides are not accepted", "write two cases")),
    _refused(BRANCHES, "`is` of numbers", "identity_of_numbers", ("`is` of numbers is not accepted", "use ==")),
)  # fmt: skip

NAMES = "Names and targets"
_NAMES = (
    _accepted(NAMES, "unpacking with `*`, nested targets, several targets", "names_and_targets", "Starred"),
    _accepted(NAMES, "`:=`, out of comprehensions too", "comprehensions", "NamedExpr"),
    _accepted(NAMES, "annotations", "names_and_targets", "AnnAssign"),
    _accepted(NAMES, "`del` of names, entries of lists and dicts, attributes", "names_and_targets", "Delete"),
    _accepted(NAMES, "`del` of a slice of a list, assignment to one", "lists_of_known_length", "Delete"),
    _accepted(NAMES, "`nonlocal`, written at any depth", "closures", "Nonlocal"),
    _accepted(NAMES, "`global` that is only read", "names_and_targets", "Global"),
    _refused(NAMES, "`global` that is written", "written_global", WRITTEN_GLOBAL),
    _refused(NAMES, "`locals()`", "namespace", REFUSED_CALLS[locals]),
)  # fmt: skip

FUNCTIONS = "Functions"
_FUNCTIONS = (
    _accepted(FUNCTIONS, "functions and lambdas inside, late binding, default arguments", "closures", "Lambda"),
    _accepted(FUNCTIONS, "`*args`, `**kwargs`, keyword-only and positional-only parameters", "names_and_targets",
              "arguments.kwarg"),
    _accepted(FUNCTIONS, "decorators of helpers, of inner functions, of the function itself", "decorated",
              "FunctionDef.decorator_list"),
    _accepted(FUNCTIONS, "`functools.wraps`, `update_wrapper`, `partial`, `reduce`", "functions_about_functions",
              "call partial"),
    _in_part(FUNCTIONS, "`functools.cache`, `lru_cache`", "decorated", "FunctionDef.decorator_list",
             "of functions that change nothing and return numbers"),
    _refused(FUNCTIONS, "a cached function with effects", "cached_function_with_effects",
             ("a cached function that changes or prints something is not accepted", "leave the cache out")),
    _accepted(FUNCTIONS, "`functools.cached_property`", "decorated"),
    _in_part(FUNCTIONS, "`functools.singledispatch`", "decorated", "", "registered outside"),
    _refused(FUNCTIONS, "`functools.singledispatch` inside", "dispatch_inside",
             REFUSED_CALLS[functools.singledispatch]),
    _accepted(FUNCTIONS, "`operator.*`", "functions_about_functions", "call operator.itemgetter"),
    _accepted(FUNCTIONS, "functions decorated by Numba, as the Python they are", "decorated"),
    _refused(FUNCTIONS, "Numba's decorators inside", "numba_inside",
             ("Numba's decorators are not accepted inside a staged function", "decorate outside")),
    _refused(FUNCTIONS, "`np.vectorize` inside", "vectorised_inside", REFUSED_CALLS[np.vectorize]),
    _refused(FUNCTIONS, "`np.apply_along_axis`", "applied_along_an_axis", REFUSED_CALLS[np.apply_along_axis]),
    _refused(FUNCTIONS, "`np.frompyfunc`", "function_of_objects", REFUSED_CALLS[np.frompyfunc]),
    _refused(FUNCTIONS, "functions of `np.vectorize`", "vectorised_function", VECTORIZED),
    _refused(FUNCTIONS, "functions without text", "function_without_text",
             ("the source of <string> cannot be found", "define the function in a file")),
    _refused(FUNCTIONS, "returning a function", "function_returned", ("the result is the function", "return data")),
    _refused(FUNCTIONS, "`class` statements inside", "class_statement", REFUSED[gast.ClassDef]),
    _refused(FUNCTIONS, "`async`, `await`", "asynchronous", REFUSED[gast.AsyncFunctionDef]),
)  # fmt: skip

ITERATORS = "Comprehensions and generators"
_ITERATORS = (
    _in_part(ITERATORS, "list, dict and set comprehensions", "comprehensions", "ListComp",
             "lists of any length; the keys of dicts and the items of sets are static"),
    _accepted(ITERATORS, "generator expressions in `sum`, `max`, `min`, `any`, `all`, `next`, filtered by data",
              "generator_expressions", "GeneratorExp"),
    _accepted(ITERATORS, "generator functions that a `for` goes over, left by `break` or `return`", "generator_loops",
              "Yield"),
    _accepted(ITERATORS, "`return` inside a loop over a generator", "generator_left_by_return", "Yield"),
    _accepted(ITERATORS, "`yield from`, recursive generators, `__iter__` that yields", "generators_of_generators",
              "YieldFrom"),
    _accepted(ITERATORS, "`list`, `tuple`, unpacking, `enumerate` of a generator", "generators_of_generators",
              "call list"),
    _accepted(ITERATORS, "`max` and `min` with `key` and `default`; `next(iter(...))`", "comprehensions", "call iter"),
    _accepted(ITERATORS, "`map`, `filter`", "itertools_one_by_one", "call filter"),
    _accepted(ITERATORS, "`itertools`: accumulate, chain, count, islice, takewhile, dropwhile", "itertools_one_by_one",
              "call itertools.accumulate"),
    _accepted(ITERATORS, "`itertools`: product, combinations, permutations, pairwise, zip_longest, starmap, cycle, "
              "repeat, compress, filterfalse", "itertools_combined", "call itertools.product"),
    _refused(ITERATORS, "`itertools.groupby`, `tee`", "groups", REFUSED_CALLS[itertools.groupby]),
    _refused(ITERATORS, "returning a list whose length data decides", "list_that_data_filters",
             ("the result is a list whose length depends on data", "return np.array(...) of it")),
    _refused(ITERATORS, "a generator that is left and gone on with", "generator_advanced_twice",
             ("a generator is iterated over again after a loop or `next` left it", "make the generator anew")),
    _refused(ITERATORS, "`send`, `throw`, `close`", "generator_that_gets_values",
             ("`send` of a generator is not accepted", "iterate over it with `for`")),
    _refused(ITERATORS, "`yield` inside an expression that a consumer leaves", "yield_left_inside_an_expression",
             ("`yield` inside an expression cannot be left", "write `yield` as a statement of its own")),
    _refused(ITERATORS, "the value of `yield from`", "value_of_yield_from",
             ("the value of `yield from` is not accepted", "write `yield from` as a statement")),
    _refused(ITERATORS, "`zip` of two generators", "zip_of_two_generators",
             ("`zip` of two generators is not accepted", "make lists of them")),
    _refused(ITERATORS, "`yield` inside `try`", "yield_in_try", _conditional(gast.Try)),
    _refused(ITERATORS, "`iter` of a list that is gone on with", "iterator_of_a_list",
             ("a generator is iterated over again after a loop or `next` left it", "make the generator anew")),
    _refused(ITERATORS, "returning a generator or a range", "returned_iterator",
             ("the result is an iterator or a range", "return a list or a tuple")),
)  # fmt: skip

EXCEPTIONS = "Exceptions and contexts"
_EXCEPTIONS = (
    _in_part(EXCEPTIONS, "`try`, `except`, `else`, `finally`, `raise` again", "try_on_static_facts", "Try",
             "what is raised whatever the data: a missing key or module, a `raise` on static facts"),
    _refused(EXCEPTIONS, "`try` around a `raise` on data", "try_around_a_raise_on_data", (_TRY, _TESTED)),
    _refused(EXCEPTIONS, "`try` around a static error under an `if` on data", "try_around_a_missing_key_on_data",
             (_TRY, _TESTED)),
    _refused(EXCEPTIONS, "`except` of what data may raise: division", "try_around_a_division", (_TRY, _TESTED)),
    _refused(EXCEPTIONS, "`except` of what data may raise: an index", "try_around_an_index", (_TRY, _TESTED)),
    _refused(EXCEPTIONS, "`except` of what data may raise: a factorisation", "try_around_a_factorisation",
             (_TRY, _TESTED)),
    _refused(EXCEPTIONS, "`except` of shapes that do not fit", "try_around_shapes",
             ("whether this raises is a question of shapes", "compare the shapes with `if`")),
    _refused(EXCEPTIONS, "`except*`", "starred_exceptions",
             REFUSED[gast.TryStar] if hasattr(gast, "TryStar") else ("", "")),
    _refused(EXCEPTIONS, "`with` of anything but `np.errstate`", "with_a_context_manager", _conditional(gast.With)),
)  # fmt: skip

DATA = "Data and text"
_DATA = (
    _in_part(DATA, "None or a number, array, tuple by data: `best = None`, functions that may return None",
             "the_best_or_none", "",
             "`is None`, truth, `==` ask; other uses of None raise when they happen, and a result that is None"),
    _accepted(DATA, "strings chosen by data, as keys and in comparisons", "strings_as_keys"),
    _accepted(DATA, "functions chosen by data", "functions_by_data"),
    _accepted(DATA, "arrays whose rank or dtype data decides, as long as they are not the result",
              "arrays_of_several_ranks"),
    _accepted(DATA, "lists that grow in loops and branches on data", "append_in_a_branch_of_data"),
    _in_part(DATA, "items of lists, tuples and dicts at positions that data decides", "positions_in_a_list", "",
             "keys of dicts are ints that the dict has; objects are chosen by a branch for each, up to 64"),
    _accepted(DATA, "`index`, `count`, `in` of lists of data; `pop(0)`, `insert`, `reverse` of lists that grow",
              "a_queue"),
    _in_part(DATA, "`sorted` and `sort` with keys that are data", "sorted_by_keys_of_data", "call sorted",
             "keys are numbers; items are numbers, arrays of one shape, tuples of these"),
    _accepted(DATA, "`collections.deque`, with `maxlen` too", "queues_with_two_ends", "call deque"),
    _accepted(DATA, "`heapq`", "shortest_paths_by_a_heap", "call heapq.heappush"),
    _in_part(DATA, "`defaultdict`, `Counter`, `namedtuple` made inside", "dicts_with_defaults", "call defaultdict",
             "with static keys"),
    _accepted(DATA, "an argument rebound in a branch on data, and written after it",
              "an_argument_rebound_in_a_branch_and_written"),
    _accepted(DATA, "sets and dicts with keys that data adds, `len` of them", "a_set_whose_size_data_decide"),
    _accepted(DATA, "arrays that change their size in loops", "shrunk_from_the_front", "While"),
    _accepted(DATA, "writes to elements, rows, slices, repeated positions", "written_at_repeated_positions"),
    _accepted(DATA, "functions that call themselves as often as data says", "adaptive_quadrature"),
    _accepted(DATA, "f-strings and `print` of data", "prints_formatted_text", "JoinedStr"),
    _in_part(DATA, "`warnings.warn`", "warnings_of_a_solver", "call warnings.warn",
             "the warning names the line of the call, whatever the stack level"),
    _refused(DATA, "strings made of data for anything but messages", "text_as_a_key",
             ("a string made of data is accepted in print, assert, raise and warnings only",
              "print it where it is made")),
    _accepted(DATA, "`isinstance`, `type`, `hasattr`, `callable`, with unions and abstract classes",
              "what_python_says_of_values", "call isinstance"),
    _accepted(DATA, "`==` and `<` of lists, tuples, dicts, sets and dataclasses", "comparisons_of_containers"),
    _accepted(DATA, "`copy.copy`, `copy.deepcopy`", "copies_of_containers", "call copy.deepcopy"),
    _refused(DATA, "a list that changes its length in a loop over it", "list_that_grows_under_its_loop",
             ("a list changes its length in a loop over it", "go over a copy: `list(...)`")),
    _refused(DATA, "`x == None` of an array", "array_compared_with_none",
             ("comparing an array with None is not accepted", "ask with `is`")),
    _refused(DATA, "an array beside an object with operators of its own, the array first", "array_before_an_object",
             ("of an array and a Scale goes element by element in NumPy", "write a Scale first")),
    _accepted(DATA, "`round(x, digits)` of NumPy's numbers", "numbers_rounded_to_digits", "call round"),
    _refused(DATA, "`round(x, digits)` of Python floats", "decimals_of_a_python_float",
             ("`round` of a Python float to digits: it rounds the decimals", "use `np.round(x, digits)`")),
    _accepted(DATA, "complex numbers", "complex_loop_with_writes"),
    _accepted(DATA, "`z.real` and `z.imag` written, whole or in part, through views too",
              "parts_of_complex_numbers_written"),
)

OUTSIDE = "Python's own machinery"
_OUTSIDE = (
    _refused(OUTSIDE, "`eval`", "evaluated_text", REFUSED_CALLS[eval]),
    _refused(OUTSIDE, "`exec`", "executed_text", REFUSED_CALLS[exec]),
    _refused(OUTSIDE, "`input`", "console_input", REFUSED_CALLS[input]),
    _refused(OUTSIDE, "`open`", "opened_file", REFUSED_CALLS[open]),
    _refused(OUTSIDE, "`np.load`, `np.loadtxt`, `np.save` and their kin", "numbers_of_a_file",
             REFUSED_CALLS[np.loadtxt]),
    _refused(OUTSIDE, "`os.environ`", "environment", ENVIRONMENT),
    _refused(OUTSIDE, "`time`, `os`, `logging`, the rest of `warnings`, `threading`, `subprocess`, `io`, `pathlib`, "
             "`pickle`", "world_outside", OF_OUTSIDE),
    _refused(OUTSIDE, "`random`, `np.random`: hidden state", "random_numbers_of_python",
             ("random numbers with hidden state are not accepted", "pass the random numbers in as an argument")),
    _refused(OUTSIDE, "methods that Python implements in C, of objects other than numbers and containers",
             "method_of_a_python_object", ("is Python's own and is not accepted here", "ask outside, and pass it in")),
    _refused(OUTSIDE, "functions of the program given to functions of a library", "function_given_to_a_library",
             ("a function of the program is not an argument for", "write the loop")),
    _refused(OUTSIDE, "`math.fsum` of data", "exact_sum", REFUSED_OF_DATA[math.fsum]),
)

ROWS: tuple[Row, ...] = (
    *_LOOPS, *_BRANCHES, *_NAMES, *_FUNCTIONS, *_ITERATORS, *_EXCEPTIONS, *_DATA, *_OUTSIDE,
)  # fmt: skip

_INTRODUCTION = """\
# The language

What a staged function may be written in. Printed from the table in `transpiler/frontend/language.py`; tests hold the
page equal to it. Every accepted construct is shown by a program that runs untransformed, under `jvp`, `vjp` and twice
differentiated, as NumPy text and natively, and is compared with Python; every refused one by a message with its
place. *Static* is what Python knows without the values of arrays and floats: shapes, containers, strings, settings.
*Conditional* constructs are accepted as far as the note says, and refused with a place beyond it. Functions of NumPy
and SciPy: [functions](functions.md).
"""


def page() -> str:
    """The text of docs/language.md."""
    lines = [_INTRODUCTION]
    for area in dict.fromkeys(row.area for row in ROWS):
        lines += [f"## {area}", "", "| construct | status | note |", "|---|---|---|"]
        for row in (row for row in ROWS if row.area == area):
            note = f"{row.note}. Instead: {row.remedy}" if row.status == REFUSED_ else row.note
            lines.append(f"| {_cell(row.construct)} | {row.status} | {_cell(note)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
