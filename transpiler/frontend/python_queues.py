"""`collections.deque` and `heapq` as Python text over lists: staged by the frontend like the user's own text.

In: lists, items. Out: what Python gives, ties included: the heaps are ordered step by step as CPython orders them.
"""

from __future__ import annotations

import heapq

# Nothing here is called by Python: types would say nothing.
# mypy: disable-error-code="no-untyped-def, has-type"


class Deque:
    """A `collections.deque`."""

    def __init__(self, iterable=(), maxlen=None):
        self.items = []
        self.maxlen = maxlen
        for item in iterable:
            self.append(item)

    def append(self, item):
        self.items.append(item)
        if self.maxlen is not None and len(self.items) > self.maxlen:
            self.items.pop(0)

    def appendleft(self, item):
        self.items.insert(0, item)
        if self.maxlen is not None and len(self.items) > self.maxlen:
            self.items.pop()

    def extend(self, iterable):
        for item in iterable:
            self.append(item)

    def pop(self):
        if len(self.items) == 0:
            raise IndexError("pop from an empty deque")
        return self.items.pop()

    def popleft(self):
        if len(self.items) == 0:
            raise IndexError("pop from an empty deque")
        return self.items.pop(0)

    def clear(self):
        self.items.clear()

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]

    def __setitem__(self, place, item):
        self.items[place] = item

    def __contains__(self, item):
        return item in self.items


def heappush(heap, item):
    heap.append(item)
    sift_down(heap, 0, len(heap) - 1)


def heappop(heap):
    last = heap.pop()
    if len(heap) > 0:
        smallest = heap[0]
        heap[0] = last
        sift_up(heap, 0)
        return smallest
    return last


def heapreplace(heap, item):
    smallest = heap[0]
    heap[0] = item
    sift_up(heap, 0)
    return smallest


def heappushpop(heap, item):
    if len(heap) > 0 and heap[0] < item:
        item, heap[0] = heap[0], item
        sift_up(heap, 0)
    return item


def heapify(heap):
    for k in range(len(heap) // 2 - 1, -1, -1):
        sift_up(heap, k)


def nsmallest(n, iterable, key=None):
    return sorted(iterable, key=key)[:n]


def nlargest(n, iterable, key=None):
    return sorted(iterable, key=key, reverse=True)[:n]


def sift_down(heap, start, place):
    item = heap[place]
    while place > start:
        parent = (place - 1) // 2
        if item < heap[parent]:
            heap[place] = heap[parent]
            place = parent
        else:
            break
    heap[place] = item


def sift_up(heap, place):
    end = len(heap)
    start = place
    item = heap[place]
    child = 2 * place + 1
    while child < end:
        right = child + 1
        if right < end and not heap[child] < heap[right]:
            child = right
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    heap[place] = item
    sift_down(heap, start, place)


QUEUE_TEXTS = {
    heapq.heappush: heappush, heapq.heappop: heappop, heapq.heapreplace: heapreplace,
    heapq.heappushpop: heappushpop, heapq.heapify: heapify, heapq.nsmallest: nsmallest, heapq.nlargest: nlargest,
}  # fmt: skip
