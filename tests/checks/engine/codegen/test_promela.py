# SPDX-License-Identifier: GPL-2.0-only
"""SPIN finds as many states as the reference explorer, and says the same of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.codegen.promela import assertion, promela
from checks.engine.codegen.text import TooWideError
from checks.engine.reference import Explorer
from checks.engine.search import Search
from checks.examples.example import explorer_of, system_of
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import NO_PASSES, Passes
from checks.stage.stage import Role, Setting, Stage
from model.lang import expr as ex
from model.lang.ir import (
    NULL_POINTER,
    Check,
    Edge,
    Kind,
    Op,
    Rule,
    State,
    StateCheck,
    System,
    Thread,
    Update,
    Variable,
)
from model.lang.sorts import Int, Set

from ....command import run
from ...reduce.playing import EVERY, cast, variant
from .. import programs as random
from ..spinning import needs_spin, spun


def agree(system: System, initial: State, found: Search, folder: Path) -> None:
    theirs = spun(promela(system, initial), folder)
    assert theirs.states == found.states
    assert theirs.fails == set(map(assertion, found.violations))
    assert theirs.wrong == bool(found.violations)
    if not theirs.wrong:
        assert theirs.transitions == found.transitions


@needs_spin
@pytest.mark.parametrize("acked", [True, False])
@pytest.mark.parametrize("size", [(2, 1, 2), (2, 2, 3)])
def test_shoot(size: tuple[int, int, int], acked: bool, tmp_path: Path) -> None:
    system, initial = system_of(*size, acked=acked)
    agree(system, initial, explorer_of(system).run(initial), tmp_path)


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "passes"),
    [("merged, no flush", NO_PASSES), ("merged", Passes(merge=False, movers=False))],
    ids=["violated, unreduced", "folded and erased"],
)  # fmt: skip
def test_a_mover(name: str, passes: Passes, tmp_path: Path) -> None:
    """`python -m tests.bench.spin` asks of merged steps, which SPIN takes long to compile."""
    of = variant(name)
    one = cast(of, "move/1p/ptl=different/init=all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY, passes=passes)
    _, found = stage.search(one, Role(of))
    assert bool(found.violations) == (name != "merged")
    agree(stage.reduced(one, Role(of)), stage.initial(one), found, tmp_path)


@needs_spin
@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(random.programs)
def test_random_programs(
    tmp_path_factory: pytest.TempPathFactory, program: list[tuple[random.Statement, ...]]
) -> None:
    done, small = random.reduced(random.system_of(program), Passes(movers=False))
    layout = Layout(small.variables, done.regions.whole, len(small.threads))
    found = Explorer(small, CodeCache(layout, live_locals)).run(random.INITIAL)
    agree(small, random.INITIAL, found, tmp_path_factory.mktemp("spin"))


PLACE = ex.cell("n", (), Int(0, 3))


def put(value: int, *checks: Check, when: int | None = None) -> Op:
    """Set the variable; `when` is the value that it must have."""
    guard = ex.TRUE if when is None else ex.eq(PLACE, ex.number(when))
    return Op(Kind.CHOICE, guard, (Update(PLACE, ex.number(value)),), checks)


def never(invariant: str) -> Check:
    return Check(invariant, ex.FALSE)


def to(*ops: Op) -> Thread:
    """A thread that does these one after the other."""
    edges = tuple(Edge(n, n + 1, op) for n, op in enumerate(ops))
    return Thread("cpu0", "f", (), edges, 0, len(ops), len(ops) + 1)


SMALL = {
    "all that fails is told apart": System(
        "", (), (to(put(1, never("a"), never("b"))),), checks=(StateCheck("c", ex.FALSE),),
        finals=(StateCheck("d", ex.FALSE),),
    ),
    "nothing comes after what the model does not know": System(
        "", (), (to(put(1, never("a"), never("model:x"), never("b")), put(2, never("c"))),),
    ),
    "nor is a thread that stopped there stuck": System(
        "", (), (to(put(1, never(NULL_POINTER))), to(put(2, when=1))),
    ),
    "stuck": System("", (), (to(put(1)), to(put(2, when=3)))),
    "stuck, though hardware moves": System(
        "", (), (to(put(1), put(3, when=0)),), (Rule("r", put(2, when=1), hardware=True),),
    ),
    "a rule goes on": System(
        "", (), (to(put(1), put(3, when=0)),), (Rule("r", put(0, when=1)),),
    ),
    "a rule goes on when all have returned": System(
        "", (), (to(put(1)),), (Rule("r", put(2, when=1)),),
        finals=(StateCheck("final", ex.eq(PLACE, ex.number(2))),),
    ),
    "rules alone come to an end": System("", (), (), (Rule("r", put(2, when=0)),)),
}  # fmt: skip
"""Systems of one variable; what is to be found in them the reference explorer says."""


@needs_spin
@pytest.mark.parametrize("name", SMALL)
def test_small(name: str, tmp_path: Path) -> None:
    system = replace(SMALL[name], variables=(Variable("n", (), PLACE.sort),))
    layout = Layout(system.variables, frozenset(), len(system.threads))
    found = Explorer(system, CodeCache(layout)).run({PLACE: 0})
    agree(system, {PLACE: 0}, found, tmp_path)


def test_a_variable_that_spin_has_no_type_for() -> None:
    wide = Set(Int(0, 40))
    place = ex.cell("s", (), wide)
    rule = Rule("grow", Op(Kind.PRIMITIVE, updates=(Update(place, ex.const(1, wide)),)))
    with pytest.raises(TooWideError, match="at most 32"):
        promela(System("wide", (Variable("s", (), wide),), (), (rule,)), {place: 0})


def test_the_command() -> None:
    size = ["--param", "cpus=2", "--param", "pages=1", "--param", "frames=2"]
    text = run("export", "example:shoot", *size).stdout
    assert text == promela(*system_of(2, 1, 2))
    scene = "move/1p/ptl=different/init=all_at_src"
    of = ["export", "uffd_move_batching", "--scenario", scene]
    texts = [
        run(*of, *more).stdout
        for more in ([], ["--unreduced"], ["--mutant", "no flush"])
    ]  # fmt: skip
    assert len(set(texts)) == 3
    for text in texts:
        assert text.startswith(f"/* {scene}: 1 threads")
        assert "active proctype" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["example:shoot", "--mutant", "no flush"], "no mutants"),
        (["uffd_move_batching", "--param", "cpus=2"], "--param is for examples"),
        (["uffd_move_batching", "--mutant", "table freed without a grace period"], "zap_table"),
    ],
)
def test_what_cannot_be_exported(options: list[str], said: str) -> None:
    ran = run("export", *options)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr
