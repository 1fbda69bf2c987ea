"""The same function over many items in several processes that end with their parent. No torch."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Literal, TypeVar

import cv2

from actionmae.core.process_limit import check_processes

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    *,
    start: Literal["spawn"] | None = None,
) -> Generator[tuple[Item, Result], None, None]:
    """Pairs of item and result, in the items' order, as they become ready; once closed, it begins no further item.

    Args:
        function: Importable.
        items: What to apply it to.
        workers: Processes; 1 = this one.
        start: "spawn" where the caller may have started threads (torch, OpenCV), which a fork does not survive; None =
            the system's way.

    Raises:
        ChildProcessError: If a process was killed or cannot be started.
        ValueError: If this machine cannot bear so many processes.
    """
    check_processes("workers", workers)
    if workers == 1:
        for item in items:
            yield item, function(item)
        return
    with _pool(min(workers, max(1, len(items))), start) as pool:
        try:
            yield from zip(items, pool.map(function, items, chunksize=2), strict=True)
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "a worker process was killed, perhaps because memory ran out: run again with fewer workers; what is "
                "finished is kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt must not wait for all that was asked for


def _pool(workers: int, start: str | None) -> ProcessPoolExecutor:
    try:
        context = multiprocessing.get_context(start)
        return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    except OSError as error:
        raise ChildProcessError(
            f"{workers} processes cannot be started ({error.strerror}; they need semaphores, which Linux keeps in "
            "/dev/shm): make room there, or give 1 worker"
        ) from error


def _begin() -> None:
    cv2.setNumThreads(0)  # one process per core; and OpenCV's threads do not survive a fork
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    """A killed parent cannot stop its workers, and they would wait for work for ever."""
    connection.wait([sentinel])
    os._exit(1)
