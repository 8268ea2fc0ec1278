# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM as a state machine of Hypothesis, which shrinks what fails.

A failure prints a program to paste (`check-invariants step -`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from model.reference.machine.check import broken
from model.reference.machine.machine import Reference
from model.reference.programs.program import (
    KINDS,
    PROTECTIONS,
    SLOTS,
    Arena,
    BadProgramError,
    Operation,
    Program,
    Refused,
    parse,
    parse_op,
)
from model.reference.programs.system_calls import SYSTEM_CALLS
from tests.model.reference.mutants import MUTANTS
from tests.model.reference.oracle import NotToldError, Oracle

ARENA = Arena(8, boundary=4)
NO_FLUSH = next(m for m in MUTANTS if m.name == "no flush after a gather")
PAGES = st.integers(0, ARENA.pages - 1)
PROCESSES = st.integers(0, 3)
Span = tuple[int, int]
PLAIN = [n for n, s in SYSTEM_CALLS.items() if s.takes == ("range",)]


def some_flags(name: str) -> st.SearchStrategy[frozenset[str]]:
    """Any flags of an operation, none most of the time."""
    return st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(SYSTEM_CALLS[name].flags)))


@st.composite
def ranges(draw: st.DrawFn) -> Span:
    page = draw(PAGES)
    return page, draw(st.integers(0, ARENA.pages - page))


class Memory(RuleBasedStateMachine):
    """Any operation at any time; what may not be asked for is passed over.

    The arena is mapped at first.  A process is one of those that live, counted around.
    """

    def __init__(self) -> None:
        super().__init__()
        self.machine = self.make()
        self.oracle = Oracle(self.machine.arena)
        self.done: list[Operation] = []
        self.used, self.told = 1, True
        self.step(Operation("mmap", 0, 0, ARENA.pages))

    def make(self) -> Reference:
        return Reference(ARENA)

    def step(self, op: Operation) -> None:
        if not self.told:
            return
        living = list(self.machine.spaces)
        op = replace(op, proc=living[op.proc % len(living)])
        if op.name == "fork":
            op = replace(op, target=self.used)
        try:
            result = self.machine.run(op)
        except (BadProgramError, Refused):
            return
        self.done.append(op)
        self.used += op.name == "fork"
        try:
            what = broken(self.machine) or self.oracle.wrong(op, result, self.machine.observe())
        except NotToldError:
            self.told = False
            return
        assert not what, f"{what}\n{Program(tuple(self.done), self.machine.arena)}"
        assert parse_op(str(op)) == op

    @rule(span=ranges(), proc=PROCESSES, prot=st.sampled_from(PROTECTIONS),
          kind=st.sampled_from(KINDS), at=PAGES)  # fmt: skip
    def mmap(self, span: Span, proc: int, prot: str, kind: str, at: int) -> None:
        at = 0 if kind == "anon" else at
        self.step(Operation("mmap", proc, *span, prot=prot, kind=kind, at=at))

    @rule(name=st.sampled_from([n for n in PLAIN if n != "register"]), span=ranges(),
          proc=PROCESSES)  # fmt: skip
    def plain(self, name: str, span: Span, proc: int) -> None:
        self.step(Operation(name, proc, *span))

    @rule(span=ranges(), proc=PROCESSES, prot=st.sampled_from(PROTECTIONS))
    def mprotect(self, span: Span, proc: int, prot: str) -> None:
        self.step(Operation("mprotect", proc, *span, prot=prot))

    @rule(span=ranges(), proc=PROCESSES, to=PAGES, longer=st.integers(-2, 2),
          flags=some_flags("mremap"))  # fmt: skip
    def mremap(self, span: Span, proc: int, to: int, longer: int, flags: frozenset[str]) -> None:
        new = max(span[1] + longer, 0)
        target = to if "fixed" in flags else span[0]
        self.step(Operation("mremap", proc, *span, target=target, new_length=new, flags=flags))

    @rule(proc=PROCESSES, page=PAGES, token=st.integers(1, 9))
    def write(self, proc: int, page: int, token: int) -> None:
        self.step(Operation("write", proc, page, token=token))

    @rule(proc=PROCESSES, page=PAGES)
    def read(self, proc: int, page: int) -> None:
        self.step(Operation("read", proc, page))

    @rule(proc=PROCESSES)
    def fork(self, proc: int) -> None:
        self.step(Operation("fork", proc))

    @rule(proc=PROCESSES)
    def exit(self, proc: int) -> None:
        self.step(Operation("exit", proc))

    @rule(span=ranges(), proc=PROCESSES, modes=some_flags("register"))
    def register(self, span: Span, proc: int, modes: frozenset[str]) -> None:
        self.step(Operation("register", proc, *span, flags=modes))

    @rule(span=ranges(), proc=PROCESSES, token=st.integers(1, 9), flags=some_flags("copy"))
    def copy(self, span: Span, proc: int, token: int, flags: frozenset[str]) -> None:
        self.step(Operation("copy", proc, *span, token=token, flags=flags))

    @rule(span=ranges(), proc=PROCESSES, to=PAGES, flags=some_flags("move"))
    def move(self, span: Span, proc: int, to: int, flags: frozenset[str]) -> None:
        self.step(Operation("move", proc, *span, target=to, flags=flags))

    @rule(span=ranges(), proc=PROCESSES, slot=st.sampled_from(SLOTS))
    def pin(self, span: Span, proc: int, slot: int) -> None:
        self.step(Operation("pin", proc, *span, slot=slot))

    @rule(proc=PROCESSES, slot=st.sampled_from(SLOTS))
    def unpin(self, proc: int, slot: int) -> None:
        self.step(Operation("unpin", proc, slot=slot))


TestMemory: Any = Memory.TestCase
TestMemory.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip


class HugeMemory(Memory):
    """With two PMDs that may be leaves."""

    def make(self) -> Reference:
        return Reference(Arena(ARENA.pages, huge=4))


TestHugeMemory: Any = HugeMemory.TestCase
TestHugeMemory.settings = settings(TestMemory.settings, max_examples=100)


class Unflushed(Memory):
    """With an error in it."""

    def make(self) -> Reference:
        return Reference(ARENA, swaps=NO_FLUSH.swaps)


def test_a_failure_is_a_short_program_to_paste() -> None:
    searched = settings(
        TestMemory.settings, max_examples=500, stateful_step_count=8, database=None,
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(Unflushed, settings=searched)
    what, _, text = str(caught.value).partition("\n")
    program = parse(text.partition("\nassert")[0])
    assert what.startswith("a TLB holds nothing that the page table does not give")
    assert len(program.ops) <= 4, program
