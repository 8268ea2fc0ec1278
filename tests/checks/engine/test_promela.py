# SPDX-License-Identifier: GPL-2.0-only
"""SPIN finds as many states as the reference explorer, and says the same of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from checks.engine.layout import Layout
from checks.engine.press import Press
from checks.engine.promela import promela
from checks.engine.reference import Explorer, Search
from checks.engine.text import TooWideError
from checks.example import explorer_of, system_of
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Passes
from checks.scenario import Role, Setting, Stage
from model.lang import expr as ex
from model.lang.ir import Kind, Op, Rule, State, System, Update, Variable
from model.lang.sorts import Int, Set

from ...command import run
from ..reduce.playing import EVERY, cast, variant
from . import programs as random
from .spinning import needs_spin, spun


def agree(system: System, initial: State, found: Search, folder: Path) -> None:
    states, transitions, wrong = spun(promela(system, initial), folder)
    assert (states, wrong) == (found.states, bool(found.violations))
    if not wrong:
        assert transitions == found.transitions


@needs_spin
@pytest.mark.parametrize("acked", [True, False])
@pytest.mark.parametrize("size", [(2, 1, 2), (2, 2, 3)])
def test_shoot(size: tuple[int, int, int], acked: bool, tmp_path: Path) -> None:
    system, initial = system_of(*size, acked=acked)
    agree(system, initial, explorer_of(system).run(initial), tmp_path)


@needs_spin
@pytest.mark.slow
@pytest.mark.parametrize("name", ["merged", "merged, no flush"])
def test_a_mover(name: str, tmp_path: Path) -> None:
    of = variant(name)
    one = cast(of, "move/1p/ptl=different/init=all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY)
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
    found = Explorer(small, Press(layout, live_locals)).run(random.INITIAL)
    agree(small, random.INITIAL, found, tmp_path_factory.mktemp("spin"))


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
    text = run("export", "uffd_move_batching", "--scenario", scene).stdout
    assert text.startswith(f"/* {scene}: 1 threads")
    assert "active proctype" in text
