# SPDX-License-Identifier: GPL-2.0-only
"""Operations of a program as system calls, in the process that runs this."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Sequence

from model.reference.programs.program import PARTS_OF_A_PUD, Arena, Operation, Refused, Result

from . import abi, calls
from .calls import PAGE
from .pins import Pin
from .userfaultfd import NoUserfaultfdError, Userfaultfd

AWAY = 1 << 36
"""An address that is far from what Python and the kernel's own choice use, at a PUD boundary;
inside the smallest address space of any 64-bit architecture."""
PMD = PAGE * (PAGE // 8)
PUD = PMD * (PAGE // 8)
"""What an entry of each level maps, with the base pages of this architecture."""

_PROT = {"none": 0, "r": abi.PROT_READ, "rw": abi.PROT_READ | abi.PROT_WRITE}
_KIND = {
    "anon": abi.MAP_PRIVATE | abi.MAP_ANONYMOUS,
    "file": abi.MAP_PRIVATE,
    "shared": abi.MAP_SHARED,
}
_ADVICE = {
    "dontneed": abi.MADV_DONTNEED,
    "free": abi.MADV_FREE,
    "pageout": abi.MADV_PAGEOUT,
    "populate_read": abi.MADV_POPULATE_READ,
    "populate_write": abi.MADV_POPULATE_WRITE,
    "huge_read": abi.MADV_POPULATE_READ,
    "huge_write": abi.MADV_POPULATE_WRITE,
    "collapse": abi.MADV_COLLAPSE,
    "guard": abi.MADV_GUARD_INSTALL,
    "unguard": abi.MADV_GUARD_REMOVE,
}
_MREMAP = {
    "maymove": abi.MREMAP_MAYMOVE,
    "fixed": abi.MREMAP_FIXED,
    "dontunmap": abi.MREMAP_DONTUNMAP,
}
_REGISTER = {
    "missing": abi.UFFDIO_REGISTER_MODE_MISSING,
    "wp": abi.UFFDIO_REGISTER_MODE_WP,
}


def unit_of(arena: Arena) -> int:
    """Bytes from one page to the next: a page may stand for several base pages, or for the first
    page of a part of a PUD."""
    if arena.hugetlb:
        return PUD // PARTS_OF_A_PUD
    if arena.pud:
        return PUD // arena.pud
    return PMD // arena.huge if arena.huge else PAGE


def base_of(arena: Arena) -> int:
    """The address of page 0."""
    return AWAY + PMD - arena.boundary * PAGE if arena.boundary else AWAY


class Actor:
    """Carries out operations in this process; a child of it does so with the same object."""

    def __init__(self) -> None:
        self._bytes = calls.Bytes()
        self._memfds = {False: os.memfd_create("conform", os.MFD_CLOEXEC)}
        self._copied = mmap.mmap(-1, PAGE)
        self._own_page = mmap.mmap(-1, PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._drained = ctypes.addressof(ctypes.c_char.from_buffer(self._own_page))
        self._uffd: Userfaultfd | None = None
        self._pins: dict[int, Pin] = {}
        self._places: dict[int, calls.Vector] = {}
        self.arena, self.base, self.unit = Arena(), 0, PAGE

    def begin(self, arena: Arena) -> None:
        """A fresh arena: nothing mapped, no userfaultfd, nothing pinned, an empty memfd."""
        self.give_back()
        self.arena, self.base, self.unit = arena, base_of(arena), unit_of(arena)
        self._places.clear()
        size = arena.pages * self.unit
        if arena.hugetlb not in self._memfds:
            flags = os.MFD_CLOEXEC | os.MFD_HUGETLB
            self._memfds[arena.hugetlb] = os.memfd_create("conform-huge", flags)
        memfd = self._memfds[arena.hugetlb]
        os.ftruncate(memfd, size)
        if len(self._copied) < size and not arena.pud and not arena.hugetlb:
            self._copied.close()
            self._copied = mmap.mmap(-1, size)

    def give_back(self) -> None:
        """Undo what operations of this process left."""
        self.unpin_all()
        if self._uffd is not None:
            self._uffd.close()
            self._uffd = None
        if self.base:
            calls.munmap(self.base, self.arena.pages * self.unit)
            os.ftruncate(self._memfds[self.arena.hugetlb], 0)

    def unpin_all(self) -> None:
        for pin in self._pins.values():
            pin.close()
        self._pins.clear()

    def forked(self) -> None:
        """Called in a new child: what belongs to its parent is let go."""
        for pin in self._pins.values():
            os.close(pin.fd)
        self._pins.clear()
        if self._uffd is not None:
            self._uffd.close()
            self._uffd = None

    def run(self, op: Operation) -> Result:
        """Carry out what is neither fork nor exit.

        Before, this CPU's folio batches are drained, by an madvise on memory that nobody looks
        at: a folio that waits in one (to be activated, or for mlock) has one reference more, for
        a time that nothing promises, and no model knows of it.
        """
        calls.madvise(self._drained, PAGE, abi.MADV_COLD)
        at = self._address(op.page, op, "odd_address")
        length = op.length * self.unit + ("odd_length" in op.flags) * self._odd
        match op.name:
            case "read":
                return _result(*self._load(op.page))
            case "write":
                return _result(self._store(op.page, op.token))
            case "mmap":
                return _result(self._map(op, at, length))
            case "munmap":
                return _result(calls.munmap(at, length))
            case "mprotect":
                return _result(calls.mprotect(at, length, _PROT[op.prot]))
            case "mremap":
                return self._mremap(op, at, length)
            case "mlock":
                return _result(calls.mlock(at, length))
            case "munlock":
                return _result(calls.munlock(at, length))
            case "pin":
                return self._pin(op.slot, at, length)
            case "unpin":
                return self._unpin(op.slot)
            case "huge_read" | "huge_write" | "collapse":
                calls.prctl(abi.PR_SET_THP_DISABLE, 0)
                error = calls.madvise(at, length, _ADVICE[op.name])
                calls.prctl(abi.PR_SET_THP_DISABLE, 1)
                return _result(error)
            case name if name in _ADVICE:
                return _result(calls.madvise(at, length, _ADVICE[name]))
        return self._uffd_ioctl(op, at, length)

    def peek(self, pages: Sequence[int]) -> list[int | None]:
        """The bytes at the beginning of pages that are present, loaded as `read` does; None where
        a protection forbids it."""
        return [None if error else value for error, value in map(self._load, pages)]

    def _load(self, page: int) -> tuple[int, int]:
        if not self.arena.huge:
            return self._bytes.load(self.base + page * self.unit)
        return self._bytes.load_all(self._place(page))

    def _store(self, page: int, token: int) -> int:
        if not self.arena.huge:
            return self._bytes.store(self.base + page * self.unit, token)
        return self._bytes.store_all(self._place(page), token)

    def _place(self, page: int) -> calls.Vector:
        """Where the base pages begin that a page stands for."""
        if page not in self._places:
            start = self.base + page * self.unit
            self._places[page] = calls.Vector(range(start, start + self.unit, PAGE))
        return self._places[page]

    def _map(self, op: Operation, at: int, length: int) -> int:
        """mmap; huge pages are asked for where there may be any, but disabled but for the moment
        in which one is wanted, or khugepaged would come and make some."""
        fd = -1 if op.kind == "anon" else self._memfds[self.arena.hugetlb]
        flags = _KIND[op.kind] | abi.MAP_FIXED
        flags |= abi.MAP_NORESERVE if self.arena.hugetlb else 0
        offset = op.at * self.unit
        error = calls.map_memory(at, length, _PROT[op.prot], flags, fd, offset)
        if self.arena.huge and op.kind == "anon" and not error:
            calls.madvise(at, length, abi.MADV_HUGEPAGE)
        return error

    def _uffd_ioctl(self, op: Operation, at: int, length: int) -> Result:
        uffd = self._own_uffd()
        match op.name:
            case "register":
                mode = sum(bit for name, bit in _REGISTER.items() if name in op.flags)
                return _result(uffd.register(at, length, mode))
            case "unregister":
                return _result(uffd.unregister(at, length))
            case "copy":
                for byte in range(0, op.length * self.unit, PAGE):
                    self._copied[byte] = op.token
                source = ctypes.addressof(ctypes.c_char.from_buffer(self._copied))
                mode = abi.UFFDIO_COPY_MODE_WP if "wp" in op.flags else 0
                return self._ioctl(uffd.copy(at, source, length, mode))
            case "zeropage":
                return self._ioctl(uffd.zeropage(at, length))
            case "move":
                mode = abi.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES if "holes" in op.flags else 0
                return self._ioctl(uffd.move(self._target(op), at, length, mode))
            case "wp":
                mode = 0 if "off" in op.flags else abi.UFFDIO_WRITEPROTECT_MODE_WP
                return _result(uffd.write_protect(at, length, mode))
            case "poison":
                return self._ioctl(uffd.poison(at, length))
        raise Refused(f"{op.name} is no system call here")

    def _own_uffd(self) -> Userfaultfd:
        if self._uffd is None:
            self._uffd = Userfaultfd()
        return self._uffd

    def _mremap(self, op: Operation, at: int, length: int) -> Result:
        flags = sum(bit for name, bit in _MREMAP.items() if name in op.flags)
        new = self._target(op)
        error, where = calls.mremap(at, length, op.new_length * self.unit, flags, new)
        return _result(error, 0 if error else (where - self.base) // self.unit)

    def _pin(self, slot: int, at: int, length: int) -> Result:
        if slot not in self._pins:
            self._pins[slot] = Pin()
        return _result(self._pins[slot].pin(at, length))

    def _unpin(self, slot: int) -> Result:
        pin = self._pins.get(slot)
        if pin is None or not pin.held:  # the ring says ENXIO
            return _result(errno.ENOENT)
        return _result(pin.unpin())

    def _target(self, op: Operation) -> int:
        return self._address(op.target, op, "odd_target")

    @property
    def _odd(self) -> int:
        """What the flags that make something odd add."""
        return PAGE if self.arena.hugetlb else 1

    def _address(self, page: int, op: Operation, odd: str) -> int:
        return self.base + page * self.unit + (odd in op.flags) * self._odd

    def _ioctl(self, answer: tuple[int, int | None]) -> Result:
        """Bytes done are said as if a page had PAGE_SIZE; a part of a page stays as it is."""
        number, field = answer
        scale = self.unit // PAGE
        if field is not None and field > 0 and field % self.unit == 0:
            field //= scale
        return Result(error_name(number), 0, field)


_NAMES = {133: "EHWPOISON", **errno.errorcode}  # which Python's does not have


def error_name(number: int) -> str:
    """EBUSY for 16, "" for 0."""
    return _NAMES.get(number, str(number)) if number else ""


def _result(number: int, value: int = 0) -> Result:
    return Result(error_name(number), value)


def carry_out(actor: Actor, op: Operation) -> Result:
    """The operation's result, or what keeps this process from carrying it out, as an error."""
    try:
        return actor.run(op)
    except NoUserfaultfdError:
        return Result("ENOSYS")
