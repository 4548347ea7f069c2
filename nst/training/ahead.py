"""Results made in worker threads before they are asked for, in order, so that whoever uses them need not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(make: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield `make(item)` for each item, in their order, made by `workers` threads.

    At most two results for each worker are waiting or being made. An error in `make` is raised where its result would
    have come. When the iteration is left early, by `close`, an error or a `break`, results that are not begun are
    dropped and the threads end.

    Parameters
    ----------
    make
        Called in several threads at once.
    items
        May be endless.
    workers
        0 makes each result when it is asked for, in the caller's thread.
    """
    if workers < 1:
        yield from map(make, items)
        return
    waiting: deque[Future[Result]] = deque()
    rest = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        waiting.extend(pool.submit(make, item) for item in islice(rest, 2 * workers))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(rest, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
