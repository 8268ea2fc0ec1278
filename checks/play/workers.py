# SPDX-License-Identifier: GPL-2.0-only
"""Processes that work for this one.

They are forked, so that they have all that this process has.  One that is killed loses what it was
at, and nothing else; and all of them end when this process does, however that comes about.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

T = TypeVar("T")

_BEAT = 0.2
"""Seconds between two beats."""


@dataclass(frozen=True)
class Died:
    """Stands for an answer where a process ended before it gave one."""

    why: str


@dataclass(frozen=True)
class _Raised:
    error: Exception


@dataclass(frozen=True)
class _Told:
    what: object


Choose = Callable[[int | None, Sequence[int], Sequence[int]], int]
"""The place among the items left of the next one of a process: told its last item, what is left,
and what others are at."""

_there: Connection | None = None
"""The end of the pipe of a process that works for another."""


def tell(what: object) -> None:
    """Let the process that this one works for hear something before the answer is there."""
    assert _there is not None
    _there.send(_Told(what))


def can_fork() -> bool:
    """True if there are such processes on this system."""
    return "fork" in multiprocessing.get_all_start_methods()


def spread(
    work: Callable[[int, int], T], items: Iterable[int], jobs: int, *, once: bool = False,
    beat: Callable[[], None] = lambda: None, choose: Choose = lambda *_: 0,
    hear: Callable[[Any], None] = lambda _: None,
) -> Generator[tuple[int, T | Died], None, None]:  # fmt: skip
    """Do `work` on each item in one of `jobs` processes; items with their answers, as they come.

    `work` is told the item and the seat of its process, below `jobs`, which no two have at a time.
    With `once` a process ends after one item.  `beat` is called several times a second, and `hear`
    with what a process does `tell`.  An exception of `work` is raised here.  Whoever stops early
    closes the iterator, which ends the processes.
    """
    context = multiprocessing.get_context("fork")
    ending, alive = os.pipe()  # nobody else has the second: at its end this process has ended
    left, seats = list(items), set(range(jobs))
    running: dict[Connection, tuple[Any, int, int]] = {}

    def taken(last: int | None) -> int:
        return left.pop(choose(last, left, [item for _, _, item in running.values()]))

    try:
        while left or running:
            while left and seats:
                item, seat = taken(None), seats.pop()
                here, there = multiprocessing.Pipe()
                process = context.Process(target=_serve, args=(work, seat, there, ending, alive))
                process.start()
                there.close()
                running[here] = process, seat, item
                _send(here, item)
            for ready in wait(list(running), _BEAT):
                assert isinstance(ready, Connection)
                answer = _received(ready)
                if isinstance(answer, _Told):
                    hear(answer.what)
                    continue
                process, seat, item = running.pop(ready)
                if left and not once and not isinstance(answer, Died):
                    running[ready] = process, seat, taken(item)
                    _send(ready, running[ready][2])
                else:
                    if not isinstance(answer, Died):
                        _send(ready, None)  # others may have its end of the pipe too
                    ready.close()
                    process.join()
                    seats.add(seat)
                if isinstance(answer, _Raised):
                    raise answer.error
                yield item, Died(_how(process.exitcode)) if isinstance(answer, Died) else answer
            beat()
    finally:
        for process, _, _ in running.values():
            process.terminate()
            process.join()
        os.close(ending)
        os.close(alive)


def _send(there: Connection, item: int | None) -> None:
    with contextlib.suppress(OSError):  # it was killed meanwhile, which is seen when it is read
        there.send(item)


def _received(here: Connection) -> Any:
    try:
        return here.recv()
    except (EOFError, ConnectionResetError):
        return Died("")


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        why = ": out of memory?" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{why}"
    return f"its process ended with status {code}"


def _serve(
    work: Callable[[int, int], Any], seat: int, there: Connection, ending: int, alive: int
) -> None:
    global _there
    _there = there
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who is interrupted ends the others
    gc.disable()  # much is made and kept, all of it trees: looking for cycles takes a third longer
    os.close(alive)
    threading.Thread(target=_end_with_parent, args=(ending,), daemon=True).start()
    while (item := there.recv()) is not None:
        try:
            answer = work(item, seat)
        except Exception as error:
            answer = _Raised(error)
        there.send(answer)


def _end_with_parent(ending: int) -> None:
    os.read(ending, 1)  # comes back when nobody can write any more
    os._exit(1)
