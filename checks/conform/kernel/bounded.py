# SPDX-License-Identifier: GPL-2.0-only
"""Work in child processes of bounded life, which hand back what they find as they find it.

A child that takes too long, or dies, ends only itself: what it had handed back is kept.  A child
ends by itself when its time is over (SIGALRM), when its parent dies, or when it is done.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import abi, calls

_LENGTH = struct.Struct("Q")
_CHUNK = 1 << 16


@dataclass
class _Child:
    pid: int
    pidfd: int
    pipe: int
    until: float
    received: bytearray


class Bounded:
    """A few children at work.  Use as a context: on leaving, whoever still lives is killed."""

    def __init__(self) -> None:
        self._children: dict[int, _Child] = {}

    def __enter__(self) -> Bounded:
        return self

    def __exit__(self, *exception: object) -> None:
        for number in list(self._children):
            self._end(number)

    def start(self, number: int, work: Callable[[], Iterable[Any]], seconds: float) -> None:
        """A child that hands back each item of `work()`; `number` is what it is known by."""
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            _work(work, theirs, seconds)
        os.close(theirs)
        os.set_blocking(ours, False)
        until = time.monotonic() + seconds + 1
        self._children[number] = _Child(pid, os.pidfd_open(pid), ours, until, bytearray())

    def items(self) -> Iterator[tuple[int, Any]]:
        """What children hand back, as it comes: (number, item).  Ends when all have ended.

        The last item of a child is an Ended.
        """
        while self._children:
            now = dict(self._children)
            ready = select.select([f for c in now.values() for f in (c.pipe, c.pidfd)], [], [], 0.5)
            for number, child in now.items():
                # Its own children may keep the pipe open for longer than it lives itself.
                ended = child.pidfd in ready[0] or time.monotonic() > child.until
                _receive(child)
                yield from ((number, item) for item in _complete(child.received))
                if ended:
                    yield number, self._end(number)

    def _end(self, number: int) -> Ended:
        """Kill a child if it still lives, and wait for it."""
        child = self._children.pop(number)
        if not select.select([child.pidfd], [], [], 0)[0]:
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        os.close(child.pidfd)
        os.close(child.pipe)
        return Ended(os.waitstatus_to_exitcode(status))


@dataclass(frozen=True)
class Ended:
    """A child ended: 0 when its work was done, else its exit status, or -n for signal n."""

    status: int

    def __str__(self) -> str:
        if self.status >= 0:
            return f"its process ended with status {self.status}"
        return f"its process was ended by {signal.Signals(-self.status).name}"


def _receive(child: _Child) -> None:
    """Take what is in its pipe."""
    with suppress(BlockingIOError):
        while more := os.read(child.pipe, _CHUNK):
            child.received += more


def _complete(received: bytearray) -> Iterator[Any]:
    """Take the items that have arrived whole."""
    while len(received) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(received)[0]
        if len(received) < end:
            return
        item = pickle.loads(received[_LENGTH.size : end])
        del received[:end]
        yield item


def _work(work: Callable[[], Iterable[Any]], pipe: int, seconds: float) -> None:
    """What a child does; it does not return."""
    status = 1
    try:
        calls.prctl(abi.PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        gc.freeze()  # or a collection would write to all of what is shared with the parent
        for item in work():
            text = pickle.dumps(item)
            with os.fdopen(pipe, "wb", closefd=False) as out:
                out.write(_LENGTH.pack(len(text)) + text)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def run_bounded(work: Callable[[], Iterable[Any]], seconds: float) -> tuple[list[Any], Ended]:
    """One child's items, and how it ended."""
    with Bounded() as children:
        children.start(0, work, seconds)
        *found, ended = [item for _, item in children.items()]
    return found, ended
