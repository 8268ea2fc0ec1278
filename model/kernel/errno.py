# SPDX-License-Identifier: GPL-2.0-only
"""Error numbers (include/uapi/asm-generic/errno-base.h) and the size of a page, here 1."""

from __future__ import annotations

ENOENT, EAGAIN, ENOMEM, EFAULT, EBUSY, EEXIST, EINVAL = 2, 11, 12, 14, 16, 17, 22

VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_HWPOISON, VM_FAULT_SIGSEGV = 0x1, 0x2, 0x10, 0x40
"""What a fault handler returns (include/linux/mm_types.h:vm_fault_reason); 0 if all is well."""

PAGE_SIZE = 1
"""Addresses and lengths are counted in pages."""

NAMES = {2: "ENOENT", 11: "EAGAIN", 12: "ENOMEM", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST",
         22: "EINVAL"}  # fmt: skip
