# SPDX-License-Identifier: GPL-2.0-only
"""Lasting pins (FOLL_PIN | FOLL_LONGTERM): buffers registered with an io_uring, never used.

Source: io_uring/rsrc.c and include/uapi/linux/io_uring.h of 6.18.
"""

from __future__ import annotations

import ctypes
import os
import struct

from . import abi

_libc = ctypes.CDLL(None, use_errno=True)


def setup() -> tuple[int, int]:
    """A ring of one entry: the error's number, and a file descriptor."""
    params = ctypes.create_string_buffer(abi.IO_URING_PARAMS_SIZE)
    fd = int(_libc.syscall(abi.SYS_IO_URING_SETUP, 1, params))
    return (0, fd) if fd >= 0 else (ctypes.get_errno(), -1)


def _register(fd: int, what: int, argument: object, count: int) -> int:
    failed = _libc.syscall(abi.SYS_IO_URING_REGISTER, fd, what, argument, count) < 0
    return ctypes.get_errno() if failed else 0


class Pin:
    """One ring, whose registered buffer holds pages.  A ring unpins at once only if asked to:
    closed, it does so some time later."""

    def __init__(self) -> None:
        self.error, self.fd = setup()
        self.held = False

    def pin(self, address: int, length: int) -> int:
        """The error's number; EBUSY if something is held."""
        if self.error:
            return self.error
        buffer = ctypes.create_string_buffer(struct.pack("QQ", address, length), 16)
        number = _register(self.fd, abi.IORING_REGISTER_BUFFERS, buffer, 1)
        self.held = self.held or not number
        return number

    def unpin(self) -> int:
        number = _register(self.fd, abi.IORING_UNREGISTER_BUFFERS, None, 0)
        self.held = self.held and bool(number)
        return number

    def close(self) -> None:
        if self.held:
            self.unpin()
        if self.fd >= 0:
            os.close(self.fd)
