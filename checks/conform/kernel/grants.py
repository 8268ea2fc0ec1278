# SPDX-License-Identifier: GPL-2.0-only
"""What only an explicit option takes from the system, and gives back whatever happens: a little
swap, and a few huge pages.

Two runs at once do not mix: the one that comes second is refused.  Also one that borrows nothing:
when swap that somebody has borrowed is given back, every page in it comes back to its process.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .calls import PAGE

SWAP_BYTES = 64 << 20
HUGE_PAGES = 16
_POOL = Path("/proc/sys/vm/nr_hugepages")
_SWAPS = Path("/proc/swaps")

_libc = ctypes.CDLL(None, use_errno=True)


class NotGrantedError(Exception):
    """The system does not give it; says why."""


class AnotherRunError(Exception):
    """Another run is on that this one would disturb, or that would disturb this one."""


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def given_back() -> Iterator[None]:
    """Whoever asks this process to end meanwhile (SIGTERM, SIGHUP) interrupts it instead, so that
    what was borrowed is given back."""
    kept = {n: signal.signal(n, _stop) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, before in kept.items():
            signal.signal(number, before)


@contextlib.contextmanager
def _undone(undo: Callable[[], object]) -> Iterator[None]:
    """`undo` is done at the end by a process of its own, which outlives this one if that is
    killed, and notices."""
    waits, tells = os.pipe()
    guard = os.fork()
    if guard == 0:
        try:
            os.setsid()  # what is sent to the group is not for it
            os.close(tells)
            os.read(waits, 1)
            undo()
            os._exit(0)
        finally:
            os._exit(1)
    os.close(waits)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(tells, b".")
        os.close(tells)
        if os.waitpid(guard, 0)[1]:  # it was killed itself
            undo()


@contextlib.contextmanager
def _locked(path: Path, flags: int, how: int) -> Iterator[bool]:
    """A file locked while the context lasts, and whether it could be, without waiting.

    Children have the lock as well: until they have ended if this process is killed, not otherwise.
    """
    lock, mine = os.open(path, flags | os.O_CLOEXEC), False
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, how | fcntl.LOCK_NB)
            mine = True
        yield mine
    finally:
        if mine:
            fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


@contextlib.contextmanager
def swap_areas(*, change: bool) -> Iterator[None]:
    """No other run changes the swap areas of the system meanwhile; with `change` this one may, and
    no other is on.  AnotherRunError if one is in the way.

    try_to_unuse() in mm/swapfile.c (6.18) is why: swapoff maps what was swapped out.
    """
    if not _SWAPS.exists():  # a kernel without CONFIG_SWAP
        yield
        return
    with _locked(_SWAPS, os.O_RDONLY, fcntl.LOCK_EX if change else fcntl.LOCK_SH) as mine:
        if not mine:
            raise AnotherRunError(
                "another run of conform is on, and one of the two borrows swap: ask again when it"
                " has ended"
            )
        yield


def swap_header(size: int) -> bytes:
    """The first page of a swap area of so many bytes: union swap_header in include/linux/swap.h."""
    page = bytearray(PAGE)
    page[1024:1028] = (1).to_bytes(4, "little")  # its version
    page[1028:1032] = (size // PAGE - 1).to_bytes(4, "little")  # its last page
    page[-10:] = b"SWAPSPACE2"
    return bytes(page)


def _swap_off(name: str) -> None:
    _libc.swapoff(name.encode())
    os.unlink(name)


@contextlib.contextmanager
def some_swap(directory: str | None = None) -> Iterator[Path]:
    """A swap file, in use while the context lasts.  NotGrantedError if it cannot be had.

    Within swap_areas(change=True).
    """
    descriptor, name = tempfile.mkstemp(prefix="conform-swap-", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(swap_header(SWAP_BYTES))
            for _ in range(SWAP_BYTES // PAGE - 1):  # a file with holes is refused
                file.write(bytes(PAGE))
            file.flush()
            os.fsync(file.fileno())
        if _libc.swapon(name.encode(), 0):
            why = os.strerror(ctypes.get_errno())
            raise NotGrantedError(f"no swap: swapon of a file in {Path(name).parent}: {why}")
        with _undone(lambda: _swap_off(name)):
            yield Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _free_huge_pages() -> int:
    """What the pool really has: pages over its size that are in use make it no larger."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("HugePages_Free")).split()[1])


@contextlib.contextmanager
def huge_pages(wanted: int = HUGE_PAGES) -> Iterator[int]:
    """So many free huge pages of the usual size more than there were.  NotGrantedError if not."""
    with contextlib.ExitStack() as stack:
        try:
            mine = stack.enter_context(_locked(_POOL, os.O_RDWR, fcntl.LOCK_EX))
        except OSError as error:
            raise NotGrantedError(f"no huge pages: {_POOL}: {error.strerror}") from error
        if not mine:
            raise NotGrantedError("no huge pages: another run has reserved some")
        before, free = int(_POOL.read_text()), _free_huge_pages()
        with _undone(lambda: _POOL.write_text(f"{before}\n")):
            _POOL.write_text(f"{before + wanted}\n")
            got = _free_huge_pages() - free
            if got < wanted:
                raise NotGrantedError(f"no huge pages: {got} of {wanted} could be reserved")
            yield got
