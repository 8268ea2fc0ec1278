# SPDX-License-Identifier: GPL-2.0-only
"""A trace of every family on the reference MM: a system call takes the steps of its subject.

The program that a family gives makes of the reference MM what a cast begins in; its last operation
is then, step by step, what the subject does alone in that cast, in its IR and as plain Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

import pytest

from checks.stage.stage import Role, Setting, Stage
from model.cast.casts import invocations
from model.hw.arch import selected
from model.kernel.tlbflush import flush_everywhere
from model.lang.declare import swapped
from model.lang.errors import ModelError
from model.patches import FAMILIES
from model.patches.family import Family
from model.reference.machine.machine import Reference
from model.reference.programs.program import Result, parse
from model.reference.state.behaviour import Behaviour
from model.reference.state.patched import patches
from tests.checks.reduce.playing import flush_nothing
from tests.families import EVERY, MOVE
from tests.model.lockstep import Lockstep
from tests.model.test_two_runs import body

SUBJECTS = [(name, s.name) for name, family in EVERY.items() for s in family.casts.subjects]
REPLAYED = [
    (name, subject, version.name)
    for name, family in FAMILIES.items()
    for subject in family.system_calls
    for version in family.variants
]


def seen(names: Iterable[str]) -> list[str]:
    """Steps as both have them: an interrupt for each of how many CPUs there are is one, and what
    ends a thread of a cast is none."""
    shown = [n for n in names if "." not in n and n != "return_to_caller"]
    return [name for name, at_once in groupby(shown)
            for _ in ([name] if name == "ipi" else at_once)]  # fmt: skip


def trace(family: Family, subject: str, version: str) -> list[str]:
    """The steps of a subject alone, in the cast that the family names, in both meanings."""
    variant = family.variant(version)
    cast = family.casts.named(family.system_calls[subject].cast, variant.neighbours_from)
    assert cast is not None
    assert (cast.subject.name, cast.others) == (subject, ())
    stage = Stage(Setting.of(cast), "x86_64", [], anytime=True)
    calls = invocations(stage.setup, variant.call(cast, stage.setup), cast, variant.kernel)
    system = stage.raw_system(cast, Role(variant))
    swap = variant.swap_in(calls[0].fn)
    with selected(stage.arch_of(variant)), swapped(swap):
        bodies = [(call.thread, body(call)) for call in calls]
        with Lockstep(stage.world, system, stage.initial(cast), bodies, {}) as run:
            while run.running():
                assert run.step(0, lambda _: 0), "alone it never waits"
    return seen(line.partition(" ")[2] for line in run.log)


def replayed(machine: Reference, text: str) -> tuple[list[str], Result]:
    """The steps of the last operation of a program, and its result."""
    *before, last = parse(text).ops
    for op in before:
        assert machine.run(op).errno == "", op
    steps: list[str] = []
    result = machine.run(last, steps.append)
    return seen(steps), result


def contains(whole: list[str], part: list[str]) -> bool:
    """True if the part stands in it in one piece."""
    starts = range(len(whole) - len(part) + 1)
    return any(whole[start : start + len(part)] == part for start in starts)


@pytest.mark.parametrize(("family", "subject"), SUBJECTS)
def test_a_subject_is_a_system_call_or_says_why_not(family: str, subject: str) -> None:
    of = EVERY[family]
    why = of.no_system_call.get(subject, "")
    assert (subject in of.system_calls) != bool(why.strip())


@pytest.mark.parametrize("family", EVERY)
def test_what_is_no_subject_is_no_system_call(family: str) -> None:
    of = EVERY[family]
    assert {*of.system_calls, *of.no_system_call} <= {s.name for s in of.casts.subjects}


@pytest.mark.parametrize(("family", "subject", "version"), REPLAYED)
def test_a_trace_is_replayed(family: str, subject: str, version: str) -> None:
    of = FAMILIES[family]
    call = of.system_calls[subject]
    program = parse(call.program)
    assert program.ops[-1].name == call.name
    machine = Reference(program.arena, Behaviour(versions={family: version}))
    steps, result = replayed(machine, call.program)
    assert result.errno == ""
    wanted = trace(of, subject, version)
    assert wanted
    assert contains(steps, wanted)


def test_a_trace_of_another_version_is_not_replayed() -> None:
    """The test can fail: a page at a time is moved by other steps than a batch."""
    call = MOVE.system_calls["move"]
    steps, _ = replayed(Reference(parse(call.program).arena), call.program)
    assert contains(steps, trace(MOVE, "move", MOVE.after))
    assert not contains(steps, trace(MOVE, "move", MOVE.before))


def test_a_flush_that_is_left_out_is_noticed() -> None:
    call = MOVE.system_calls["move"]
    machine = Reference(parse(call.program).arena, swaps={flush_everywhere: flush_nothing})
    steps, _ = replayed(machine, call.program)
    assert not contains(steps, trace(MOVE, "move", MOVE.after))


def test_of_two_families_with_one_system_call_the_named_one_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = replace(MOVE, name="other", after=MOVE.before)
    monkeypatch.setitem(FAMILIES, "other", other)
    for versions, has_it in (({}, other.after), ({MOVE.name: MOVE.after}, MOVE.after)):
        assert patches(versions).swaps == MOVE.variant(has_it).swap


def test_a_system_call_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(MOVE.system_calls["move"], name="mvoe")
    monkeypatch.setitem(FAMILIES, MOVE.name, replace(MOVE, system_calls={"move": wrong}))
    with pytest.raises(ModelError, match="no system call 'mvoe'; did you mean move"):
        patches({})
