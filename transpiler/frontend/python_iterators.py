"""Python's functions on iterables, as generator functions and loops: staged by the frontend like the user's own text.

In: what a `for` can go over. Where a name says `items`, it can be indexed and has a length. Nothing here runs in
Python; only the text counts, so each is written as the documentation of Python defines it.
"""

from __future__ import annotations

import numpy as np

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def, has-type"


def mapped(function, iterable):
    for item in iterable:
        yield function(item)


def starmap(function, iterable):
    for item in iterable:
        yield function(*item)


def filtered(function, iterable):
    for item in iterable:
        if item if function is None else function(item):
            yield item


def filterfalse(function, iterable):
    for item in iterable:
        if not (item if function is None else function(item)):
            yield item


def takewhile(function, iterable):
    for item in iterable:
        if not function(item):
            return
        yield item


def dropwhile(function, iterable):
    dropping = True
    for item in iterable:
        if dropping and not function(item):
            dropping = False
        if not dropping:
            yield item


def compress(iterable, selectors):
    for item, selected in zip(iterable, selectors):  # uneven lengths are meant
        if selected:
            yield item


def enumerated(iterable, start=0):
    k = start
    for item in iterable:
        yield k, item
        k += 1


def zipped(before, iterable, after):
    """`zip` of one iterable that cannot be indexed with others around it that can."""
    k = 0
    first, last = [len(items) for items in before], [len(items) for items in after]
    for n in first:
        if n <= 0:
            return
    for item in iterable:
        for n in last:
            if k >= n:
                return
        yield (*[items[k] for items in before], item, *[items[k] for items in after])
        k += 1
        for n in first:
            if k >= n:
                return


def zip_longest(*several, fillvalue=None):
    for k in range(max(0, *[len(items) for items in several])):
        yield tuple([items[k] if k < len(items) else fillvalue for items in several])


def chain(*iterables):
    for iterable in iterables:
        yield from iterable


def chain_from_iterable(iterables):
    for iterable in iterables:
        yield from iterable


def count(start=0, step=1):
    n = start
    while True:
        yield n
        n += step


def repeat(item, times=None):
    if times is None:
        while True:
            yield item
    else:
        for _ in range(times):
            yield item


def cycle(items):
    while True:
        for item in items:  # noqa: UP028
            yield item


def islice(iterable, start, stop, step):
    k, wanted = 0, start
    if stop is None or stop > 0:
        for item in iterable:
            if k == wanted and (stop is None or k < stop):
                yield item
                wanted += step
            k += 1
            if stop is not None and k >= stop:
                return


def cycle_of_generated(iterable):
    kept = []
    for item in iterable:
        yield item
        kept.append(item)
    while len(kept) > 0:
        for item in kept:
            yield item


def pairwise(items):
    for k in range(len(items) - 1):
        yield items[k], items[k + 1]


def pairwise_of_generated(iterable):
    empty = True
    for item in iterable:
        if not empty:
            yield before, item  # noqa: F821  # of the iteration before
        before, empty = item, False  # noqa: F841  # for the next iteration


def accumulate(iterable, function=None, *, initial=None):
    """Items that cannot be indexed: whether one has come is carried along."""
    empty = initial is None
    total = initial
    if initial is not None:
        yield initial
    for item in iterable:
        if empty:
            total = item
            empty = False
        else:
            total = total + item if function is None else function(total, item)
        yield total


def accumulated_items(items, function=None):
    if len(items) > 0:
        total = items[0]
        yield total
        for k in range(1, len(items)):
            total = total + items[k] if function is None else function(total, items[k])
            yield total


def product(*several):
    if len(several) == 0:
        yield ()
    else:
        for item in several[0]:
            for others in product(*several[1:]):
                yield (item, *others)


def combinations(items, r, start=0):
    if r == 0:
        yield ()
    else:
        for k in range(start, len(items)):
            for others in combinations(items, r - 1, k + 1):
                yield (items[k], *others)


def combinations_with_replacement(items, r, start=0):
    if r == 0:
        yield ()
    else:
        for k in range(start, len(items)):
            for others in combinations_with_replacement(items, r - 1, k):
                yield (items[k], *others)


def permutations(items, r, taken=()):
    if r == 0:
        yield ()
    else:
        for k in range(len(items)):
            if all([k != other for other in taken]):  # noqa: C419
                for others in permutations(items, r - 1, (*taken, k)):
                    yield (items[k], *others)


def ndenumerate(array):
    for index in product(*[range(n) for n in array.shape]):
        yield index, array[index]


def reduced(function, iterable, *initial):
    empty = len(initial) == 0
    total = None if empty else initial[0]
    for item in iterable:
        total = item if empty else function(total, item)
        empty = False
    if empty:
        raise TypeError("reduce() of empty iterable with no initial value")
    return total


def total_of(iterable, start):
    total = start
    for item in iterable:
        total = total + item
    return total


def any_of(iterable):
    for item in iterable:
        if item:
            return True
    return False


def all_of(iterable):
    for item in iterable:
        if not item:
            return False
    return True


def extremum_of(iterable, better, name, *default):
    empty = True
    for item in iterable:
        best = item if empty else better(best, item)  # noqa: F821  # of the iteration before
        empty = False
    if empty:
        if len(default) > 0:
            return default[0]
        raise ValueError(name + "() iterable argument is empty")
    return best


def extremum_by(iterable, key, above, name, *default):
    """The first item whose key is above the others'."""
    empty = True
    for item in iterable:
        measure = key(item)
        if empty or above(measure, most):  # noqa: F821  # of the iteration before
            best, most, empty = item, measure, False  # noqa: F841  # for the next iteration
    if empty:
        if len(default) > 0:
            return default[0]
        raise ValueError(name + "() iterable argument is empty")
    return best


def next_of(iterable, *default):
    for item in iterable:
        return item
    if len(default) > 0:
        return default[0]
    raise StopIteration


# ---- lists in buffers ----
def position_in(xs, value):
    for k, x in enumerate(xs):
        if x == value:
            return k
    raise ValueError("the value is not in the list")


def count_in(xs, value):
    total = 0
    for x in xs:
        if x == value:
            total += 1
    return total


def popped_at(xs, place):
    item = xs[place]
    if place < 0:
        place += len(xs)
    for k in range(place, len(xs) - 1):
        xs[k] = xs[k + 1]
    xs.pop()
    return item


def inserted_at(xs, place, item):
    count = len(xs)
    place = max(place + count, 0) if place < 0 else min(place, count)
    xs.append(item)
    for k in range(count, place, -1):
        xs[k] = xs[k - 1]
    xs[place] = item


def joined_lists(xs, ys):
    out = xs[:]
    for y in ys:
        out.append(y)
    return out


def turned_round(xs):
    for k in range(len(xs) // 2):
        other = xs[k]
        xs[k] = xs[len(xs) - 1 - k]
        xs[len(xs) - 1 - k] = other


# ---- in order ----
def listed(items):
    return [v for v in items]  # noqa: C416  # a list of data, which `list` would not roll


def overwritten(xs, ys):
    for k, y in enumerate(ys):
        xs[k] = y


def list_mapped(function, items):
    return [function(v) for v in items]


def order_of(keys, reverse):
    if not reverse:
        return np.argsort(np.array(keys), kind="stable")
    return len(keys) - 1 - np.argsort(np.array(keys)[::-1], kind="stable")[::-1]


def lexsort(keys):
    order = np.argsort(keys[0], kind="stable")
    for key in keys[1:]:
        order = order[np.argsort(key[order], kind="stable")]
    return order
