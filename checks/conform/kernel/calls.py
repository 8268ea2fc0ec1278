# SPDX-License-Identifier: GPL-2.0-only
"""System calls on raw addresses.  Each gives the error's number: 0 if it succeeded.

Loads and stores neither crash nor hang: the kernel copies one byte between the address and a
memfd, so that what would be a signal is EFAULT.  They fault like the CPU's do and honour
protections, which /proc/PID/mem does not.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os

PAGE = mmap.PAGESIZE

_libc = ctypes.CDLL(None, use_errno=True)
_word, _int = ctypes.c_size_t, ctypes.c_int
_offset = ctypes.c_int64


def _declare(name: str, result: type, *arguments: type) -> ctypes._CFuncPtr:  # type: ignore[name-defined]  # ctypes keeps the type of its functions private
    function = getattr(_libc, name)
    function.restype = result
    function.argtypes = arguments
    return function


_mmap = _declare("mmap", _word, _word, _word, _int, _int, _int, _offset)
_munmap = _declare("munmap", _int, _word, _word)
_mprotect = _declare("mprotect", _int, _word, _word, _int)
_mremap = _declare("mremap", _word, _word, _word, _word, _int, _word)
_madvise = _declare("madvise", _int, _word, _word, _int)
_mlock = _declare("mlock", _int, _word, _word)
_munlock = _declare("munlock", _int, _word, _word)
_pread = _declare("pread", ctypes.c_ssize_t, _int, _word, _word, _offset)
_pwrite = _declare("pwrite", ctypes.c_ssize_t, _int, _word, _word, _offset)
_preadv = _declare("preadv", ctypes.c_ssize_t, _int, ctypes.c_void_p, _int, _offset)
_pwritev = _declare("pwritev", ctypes.c_ssize_t, _int, ctypes.c_void_p, _int, _offset)
_prctl = _declare("prctl", _int, _int, _word, _word, _word, _word)
_FAILED = ctypes.c_size_t(-1).value


def _error(failed: bool) -> int:
    return ctypes.get_errno() if failed else 0


def map_memory(address: int, length: int, prot: int, flags: int, fd: int = -1, at: int = 0) -> int:
    """mmap(2), with MAP_FIXED or MAP_FIXED_NOREPLACE among the flags."""
    got = _mmap(address, length, prot, flags, fd, at)
    if got not in (address, _FAILED):  # a kernel that does not know NOREPLACE
        _munmap(got, length)
        return errno.EEXIST
    return _error(got == _FAILED)


def munmap(address: int, length: int) -> int:
    return _error(_munmap(address, length) != 0)


def mprotect(address: int, length: int, prot: int) -> int:
    return _error(_mprotect(address, length, prot) != 0)


def mremap(old: int, old_length: int, new_length: int, flags: int, new: int) -> tuple[int, int]:
    """mremap(2): the error's number, and the address at which the memory is now."""
    got = _mremap(old, old_length, new_length, flags, new)
    failed = got == _FAILED
    return _error(failed), 0 if failed else got


def madvise(address: int, length: int, advice: int) -> int:
    return _error(_madvise(address, length, advice) != 0)


def mlock(address: int, length: int) -> int:
    return _error(_mlock(address, length) != 0)


def munlock(address: int, length: int) -> int:
    return _error(_munlock(address, length) != 0)


def prctl(option: int, value: int) -> int:
    return _error(_prctl(option, value, 0, 0, 0) != 0)


MANY = 256
"""So many bytes can be loaded or stored at once."""


class Bytes:
    """Loads and stores of one byte at any address, or of the same byte at many addresses."""

    def __init__(self) -> None:
        self._source = os.memfd_create("conform-store", os.MFD_CLOEXEC)
        os.write(self._source, bytes(range(256)))
        self._sources = os.memfd_create("conform-stores", os.MFD_CLOEXEC)
        os.write(self._sources, b"".join(bytes([value]) * MANY for value in range(256)))
        self._sink = os.memfd_create("conform-load", os.MFD_CLOEXEC)
        os.ftruncate(self._sink, PAGE)
        self._loaded = mmap.mmap(self._sink, PAGE)

    def store(self, address: int, value: int) -> int:
        """Store 0 <= value < 256."""
        return _error(_pread(self._source, address, 1, value) < 0)

    def load(self, address: int) -> tuple[int, int]:
        """The error's number and the byte."""
        if _pwrite(self._sink, address, 1, 0) < 0:
            return ctypes.get_errno(), 0
        return 0, self._loaded[0]

    def store_all(self, addresses: Vector, value: int) -> int:
        """EIO if only some were stored."""
        done = _preadv(self._sources, addresses.words, addresses.count, value * MANY)
        return errno.EIO if 0 <= done < addresses.count else _error(done < 0)

    def load_all(self, addresses: Vector) -> tuple[int, int]:
        """The error's number and the byte; EIO if they are not all the same."""
        done = _pwritev(self._sink, addresses.words, addresses.count, 0)
        if done < 0:
            return ctypes.get_errno(), 0
        found = self._loaded[: addresses.count]
        alike = done == addresses.count and found == found[:1] * done
        return (0, found[0]) if alike else (errno.EIO, 0)


class Vector:
    """One byte at each of some addresses (struct iovec)."""

    def __init__(self, addresses: range) -> None:
        self.count = len(addresses)
        flat = [word for address in addresses for word in (address, 1)]
        self.words = (_word * len(flat))(*flat)
