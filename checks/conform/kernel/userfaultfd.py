# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd: a fault on a missing page of a registered range is an error, never a wait.

Source: fs/userfaultfd.c and include/uapi/linux/userfaultfd.h of 6.18.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os
import struct

from . import abi

_libc = ctypes.CDLL(None, use_errno=True)


_UNTOUCHED = 0x5EED_5EED_5EED_5EED


class NoUserfaultfdError(Exception):
    """There is none here; says how each way to one failed."""


def open_userfaultfd() -> tuple[int, bool]:
    """A file descriptor, and whether faults of the kernel itself are delivered too.

    Three ways: the system call, the device, and the system call for faults of user mode alone.
    """
    tried = []
    for flags in (0, abi.UFFD_USER_MODE_ONLY):
        fd = int(_libc.syscall(abi.SYS_USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK | flags))
        if fd >= 0:
            return fd, not flags
        tried.append(f"userfaultfd({flags}): {os.strerror(ctypes.get_errno())}")
        if not flags:
            try:
                with open("/dev/userfaultfd", "rb", buffering=0) as device:
                    return fcntl.ioctl(device, abi.IOC_NEW, os.O_CLOEXEC | os.O_NONBLOCK), True
            except OSError as error:
                tried.append(f"/dev/userfaultfd: {error.strerror}")
    raise NoUserfaultfdError("; ".join(tried))


_WANTED = abi.UFFD_FEATURE_SIGBUS | abi.UFFD_FEATURE_MOVE | abi.UFFD_FEATURE_PAGEFAULT_FLAG_WP


def _agree(fd: int, features: int) -> int:
    """UFFDIO_API, which may be asked once; the features that the kernel has."""
    argument = bytearray(struct.pack("QQQ", abi.UFFD_API, features, 0))
    fcntl.ioctl(fd, abi.IOC_API, argument)
    return int(struct.unpack("QQQ", argument)[1])


@functools.cache
def offered_features() -> int:
    """The bits of UFFDIO_API that this kernel has.  NoUserfaultfdError if there is none."""
    fd, _ = open_userfaultfd()
    try:
        return _agree(fd, 0)
    finally:
        os.close(fd)


class Userfaultfd:
    """One of them, its API agreed on.  Calls give the error's number, then what was written back:
    bytes done or an error below 0, None if the call was refused before that."""

    def __init__(self) -> None:
        features = offered_features()
        self.fd, self.kernel_faults = open_userfaultfd()
        _agree(self.fd, features & _WANTED)

    def close(self) -> None:
        os.close(self.fd)

    def _call(self, request: int, *words: int) -> tuple[int, int | None]:
        """An ioctl of 64-bit words, the last one the field that it writes, signed; None if it
        did not."""
        argument = bytearray(struct.pack(f"{len(words) + 1}Q", *words, _UNTOUCHED))
        number = 0
        try:
            fcntl.ioctl(self.fd, request, argument)
        except OSError as error:
            number = error.errno or errno.EIO
        field = int(struct.unpack_from("q", argument, 8 * len(words))[0])
        return number, None if field == _UNTOUCHED else field

    def register(self, start: int, length: int, mode: int) -> int:
        return self._call(abi.IOC_REGISTER, start, length, mode)[0]

    def unregister(self, start: int, length: int) -> int:
        """UFFDIO_UNREGISTER, which has no field to write; one more word is harmless."""
        return self._call(abi.IOC_UNREGISTER, start, length)[0]

    def copy(self, dst: int, src: int, length: int, mode: int = 0) -> tuple[int, int | None]:
        """UFFDIO_COPY: the error's number and the field `copy`: bytes, or an error below 0."""
        return self._call(abi.IOC_COPY, dst, src, length, mode)

    def zeropage(self, start: int, length: int, mode: int = 0) -> tuple[int, int | None]:
        return self._call(abi.IOC_ZEROPAGE, start, length, mode)

    def move(self, dst: int, src: int, length: int, mode: int = 0) -> tuple[int, int | None]:
        """UFFDIO_MOVE: the error's number and the field `move`: bytes, or an error below 0.

        None where the arguments are refused before anything is looked at.
        """
        return self._call(abi.IOC_MOVE, dst, src, length, mode)

    def poison(self, start: int, length: int, mode: int = 0) -> tuple[int, int | None]:
        return self._call(abi.IOC_POISON, start, length, mode)

    def write_protect(self, start: int, length: int, mode: int) -> int:
        return self._call(abi.IOC_WRITEPROTECT, start, length, mode)[0]
