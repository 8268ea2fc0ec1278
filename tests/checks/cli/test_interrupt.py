# SPDX-License-Identifier: GPL-2.0-only
"""An interrupt ends what runs and what would come next; what is known is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checks.engine.reference import Explorer
from checks.play.play import Theatre
from tests.command import run

ASKED = ("uffd_move_batching", "--variant", "merged", "--arch", "x86_64,arm64", "--scenario",
         "move/1p/ptl=different/init=dst_taken", "--no-cache", "--jobs", "1", "--engine",
         "reference")  # fmt: skip


def _at(number: int, function: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return interrupted


@pytest.mark.parametrize(
    ("owner", "name"), [(Explorer, "_level"), (Theatre, "play"), (Theatre, "prepare")]
)
def test_nothing_else_begins(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """Within a search, between two, and while systems are made."""
    calls: list[int] = []
    monkeypatch.setattr(owner, name, _at(2, getattr(owner, name), calls))
    ran = run(*ASKED)
    assert len(calls) == 2
    assert ran.exit_code == 3
    assert ran.stderr == ""
    assert "UNKNOWN" in ran.stdout
    assert "interrupted" in ran.stdout


def test_a_set_without_casts(tmp_path: Path) -> None:
    """Nothing was decided, which is not that all holds."""
    path = tmp_path / "nothing.py"
    path.write_text("""
from model.cast.cast_set import CastSet
from model.cast.casts import Subject
from model.cast.worlds import TWO_VMAS
from model.kernel.mmap_lock import mmap_write_lock, mmap_write_unlock
from model.kernel.objects import Mm
from model.lang import kernel
from model.patches.family import Family, Variant

@kernel("mm/x.c:section", "6.17")
def section(mm: Mm) -> int:
    mmap_write_lock(mm)
    mmap_write_unlock(mm)
    return 1

made = Variant("one", "a section", "6.17", {"section": section}, "nothing.py")
subject = Subject("section", "a section", lambda s: (s.vma("src").mm,))
FAMILY = Family(name="nothing", title="t", asks="a", left_out="l", variants=(made,), before="one",
              after="one", casts=CastSet(TWO_VMAS, (subject,), (), (), ()))
""")
    ran = run(str(path), "--arch", "x86_64")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "nothing has no casts" in ran.stderr
