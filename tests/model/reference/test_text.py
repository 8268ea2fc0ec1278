# SPDX-License-Identifier: GPL-2.0-only
"""Programs as text: what is written is read back, and anything else is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.lang.errors import ModelError
from model.reference.calls.routines import ROUTINES, carries_out
from model.reference.programs.generate import Generator
from model.reference.programs.observation import Capability
from model.reference.programs.program import Arena, BadProgramError, parse
from model.reference.programs.system_calls import ARENAS, SYSTEM_CALLS

WORDS = st.sampled_from([
    *SYSTEM_CALLS, "p0", "p1", "arena", "boundary", "16", "4+2", "0+0", "-> 3", "->", "p2", "= 7",
    "=", "@", "@ 3", "rw", "r", "anon", "shared", "slot 1", "holes", "wp", "#", "999999999", "\n",
    "\u0664",
])  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_a_program_is_read_back(seed: int) -> None:
    arena = Arena(16, boundary=seed % 2 * 8)
    program = Generator(seed, arena, set(Capability)).program(30)
    assert parse(str(program)) == program


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join)))
def test_any_text_is_a_program_or_refused(text: str) -> None:
    program, why = None, ""
    try:
        program = parse(text)
    except BadProgramError as error:
        why = str(error)
    assert "\n" not in why
    assert program is None or parse(str(program)) == program


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p0 mmap 0+8 rw anon\np0 mvoe 0+2 -> 4", "line 2: no operation 'mvoe'"),
        ("p0 move 0+2 4", "is not like 'p0 move 4+2 -> 8 [holes]"),
        ("p1 read 0", "'p1 read 0': p1 does not live"),
        ("p0 read 16", "is not inside the arena of 16 pages"),
        ("p0 fork -> p2", "the child has to be p1"),
        ("p0 exit", "p0 does not exit"),
        ("p0 mremap 0+2 -> 4+2", "mremap without fixed has its own page as target"),
        ("p0 write 0 = 256", "a token is 1 to 255"),
        ("arena 0", "an arena has 1 to"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(BadProgramError) as caught:
        parse(text)
    assert why in str(caught.value)


def test_every_system_call_is_carried_out_and_tried() -> None:
    assert SYSTEM_CALLS.keys() == {*ROUTINES, "fork", "exit"}
    assert all(any(call.often.values()) for call in SYSTEM_CALLS.values())
    assert all(set(call.often) <= set(ARENAS) for call in SYSTEM_CALLS.values())


def test_a_routine_of_no_system_call_is_refused() -> None:
    with pytest.raises(ModelError, match="no system call 'mvoe'; did you mean move"):
        carries_out("mvoe")
