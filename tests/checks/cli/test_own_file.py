# SPDX-License-Identifier: GPL-2.0-only
"""A file of one's own with a family in it, through every command that takes PATCH."""

from __future__ import annotations

import pytest

from tests.model.hw import forked

from ...command import run

FILE = forked.__file__
CAST = "unmap+gup_fast/1p/init=mapped"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", FILE, "--arch", "arm64"), 0, "no_translation_to_a_free_page         HOLDS"),
        (("check", FILE, "--variant", "child_twice", "--arch", "arm64"), 1, "TLB3 parent+0 => F0"),
        (("explain", FILE), 0, "variant   child_twice"),
        (("list", "scenarios", FILE), 0, f"{CAST}\n"),
        (("list", "variants", FILE), 0, "forked right  right\n"),
        (("locks", FILE), 0, "seen in 3 scenarios"),
        (("ordering", FILE), 0, "unmap+gup_fast_child@s390"),
        (("necessity", FILE), 0, "no flush_tlb_page(flushed, flushed.start)      needed by"),
        (("show", FILE), 0, "unmap_from_both: 95 locations"),
        (("export", FILE, "--scenario", CAST), 0, f"/* {CAST}: 2 threads"),
        (("prove", FILE), 2, "forked has no core"),
    ],
    ids=lambda a: a[0] if isinstance(a, tuple) else "",
)  # fmt: skip
def test_every_command(arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = run(*arguments)
    assert said in ran.stdout + ran.stderr
    assert ran.exit_code == code


def test_its_trace_is_carried_out_again() -> None:
    ran = run("check", FILE, "--variant", "child_twice", "--arch", "x86_64")
    schedule = ran.stdout.partition("check-invariants replay '")[2].partition("'")[0]
    again = run("replay", schedule)
    assert again.exit_code == 1
    assert "VIOLATED" in again.stdout


def test_what_is_no_patch_is_one_line() -> None:
    for command in ("locks", "ordering", "necessity", "show", "export", "prove", "explain"):
        ran = run(command, "./no_such_file.py")
        assert (ran.exit_code, ran.stdout) == (2, ""), command
        assert len(ran.stderr.splitlines()) == 1
