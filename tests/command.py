# SPDX-License-Identifier: GPL-2.0-only
"""The command as a user runs it, and the file that the README has him write."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from math import inf
from pathlib import Path
from unittest.mock import patch

from checks.cli.main import main
from checks.render.progress import Watcher

FLUSH = """\
        if src_addr > src_start:
            flush_tlb_range(src_vma, src_start, src_addr)
"""
UNLOCK = "    double_pt_unlock(dst_ptl, src_ptl)\n    if src_folio is not None:"


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit status."""

    stdout: str
    stderr: str
    exit_code: int


def run(*args: str) -> Ran:
    """`check-invariants ARGS`, in this process; on a machine that is slow it says no more."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        patch.object(Watcher, "every", inf),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main(list(args))
        except SystemExit as done:
            code = int(done.code or 0)
    return Ran(out.getvalue(), err.getvalue(), code)


SHARED = """\
p0 mmap 0+8 rw anon
p0 register 4+4 missing
p0 write 0 = 7
p0 write 1 = 8
p0 fork -> p1
p1 write 0 = 9
p0 move 0+2 -> 4
p0 write 0 = 1       # the page is the parent's alone: it is reused, and exclusive from now on
p0 move 0+2 -> 4
p0 pageout 4+1
"""


def write_program(folder: Path) -> Path:
    """`shared.txt`: pages that are shared with a child are not moved."""
    path = folder / "shared.txt"
    path.write_text(SHARED)
    return path


def write_late_flush(folder: Path) -> Path:
    """`my_v4.py`: v3 as `show` prints it, with the flush moved below the unlock."""
    text = run("show", "uffd_move_batching", "--variant", "v3", "--format", "python").stdout
    assert text.count(FLUSH) == 1
    assert text.count(UNLOCK) == 1
    late = FLUSH.replace("        if", "    if").replace("            flush", "        flush")
    unlock, _, after = UNLOCK.partition("\n")
    text = text.replace(FLUSH, "").replace(UNLOCK, f"{unlock}\n{late}{after}")
    path = folder / "my_v4.py"
    path.write_text(text)
    return path
