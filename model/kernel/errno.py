# SPDX-License-Identifier: GPL-2.0-only
"""Error numbers (include/uapi/asm-generic/errno-base.h) and the size of a page, here 1."""

from __future__ import annotations

ENOENT, EAGAIN, ENOMEM, EFAULT, EBUSY, EEXIST, EINVAL = 2, 11, 12, 14, 16, 17, 22

PAGE_SIZE = 1
"""Addresses and lengths are counted in pages."""

NAMES = {2: "ENOENT", 11: "EAGAIN", 12: "ENOMEM", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST",
         22: "EINVAL"}  # fmt: skip
