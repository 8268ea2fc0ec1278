# SPDX-License-Identifier: GPL-2.0-only
"""Scripts say what is wrong; what is no script is refused."""

from __future__ import annotations

import pytest

from checks.conform.script import script
from model.reference.programs.program import Arena, BadProgramError

from .toy import Toy


def _run(text: str) -> str:
    return script(text).run(Toy(Arena()))


def test_what_is_as_it_says() -> None:
    assert _run("p0 write 1 = 5\n\n see p0 1: anon value 5\n p0 fork -> p1\n see p1 1: anon") == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("p0 read 0 => EFAULT", "'p0 read 0': OK, not EFAULT"),
        ("p0 read 0 => OK (7)", "'p0 read 0': the field is None, not 7"),
        ("see p0 1: zero", "'see p0 1: zero': it is seen as anon"),
        ("see p1 1: anon", "'see p1 1: anon': it is seen as unmapped"),
        ("see p0 1: anon value 3", "'see p0 1: anon value 3': value is 0"),
        ("see p0 1: anon frame A", "'see p0 1: anon frame A': frame is not seen"),
        ("see p0 1: anon exclusive", "'see p0 1: anon exclusive': exclusive is not seen"),
        ("vmas p0: 0-1:rw", "'vmas p0: 0-1:rw': VMAs are not seen"),
    ],
)
def test_the_first_line_that_is_not_as_it_says(text: str, wrong: str) -> None:
    assert _run("p0 read 3\n" + text + "\n see p0 9: swap") == wrong


@pytest.mark.parametrize(
    "text", ["p0 read 0 => nothing", "see p0 1: anon colour red", "see page 1", "vmas p0 rw"]
)
def test_no_script(text: str) -> None:
    with pytest.raises((ValueError, BadProgramError)):
        script(text)
