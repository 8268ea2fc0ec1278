# SPDX-License-Identifier: GPL-2.0-only
"""The native explorer finds what the reference explorer finds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.engines import Engine
from checks.engine.engines import search as searched
from checks.engine.native import explorer as explorer_module
from checks.engine.native import extension
from checks.engine.native.explorer import Native
from checks.engine.reference import Explorer
from checks.engine.search import Limits, Search
from checks.examples.example import explorer_of as shoot_explorer
from checks.examples.example import system_of as system_of_shoot
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Passes
from checks.reduce.usage import Part, Regions
from checks.stage.stage import Role, Setting, Stage
from model.lang import expr as ex
from model.lang.errors import ModelError
from model.lang.expr import Expr
from model.lang.ir import Edge, Kind, Op, State, StateCheck, System, Thread, Update, Variable
from model.lang.sorts import Int, Ref, Set

from ..reduce.playing import EVERY, cast, variant
from .programs import INITIAL, Statement, programs, reduced, system_of

PROGRAMS = int(os.environ.get("CHECK_INVARIANTS_PROGRAMS", "100"))

REDUCTIONS = {
    "none": Passes(fold=False, erase=False, merge=False, movers=False),
    "fold": Passes(fold=True, erase=False, merge=False, movers=False),
    "erase": Passes(fold=False, erase=True, merge=False, movers=False),
    "merge": Passes(fold=False, erase=False, merge=True, movers=False),
    "movers": Passes(fold=False, erase=False, merge=True, movers=True),
    "all": Passes(),
}

needs_native = pytest.mark.skipif(not extension.present(), reason="the native engine was not built")


def explorer(system: System, passes: Passes) -> Explorer:
    """The reference explorer on a system with these passes made."""
    if not (passes.fold or passes.erase or passes.merge):
        parts = [Part(t, n) for n, t in enumerate(system.threads)]
        layout = Layout(system.variables, Regions.of_parts(parts).whole, len(system.threads))
        return Explorer(system, CodeCache(layout))
    done, small = reduced(system, passes)
    layout = Layout(small.variables, done.regions.whole, len(small.threads))
    return Explorer(small, CodeCache(layout, live_locals if passes.merge else None))


def findings(found: Search) -> object:
    """Everything that two explorers of one system have to agree in."""
    paths = {name: found.path(v.state) for name, v in found.violations.items()}
    counts = (found.states, found.transitions, found.levels)
    return counts, found.why, found.violations, paths, found.fired


@pytest.mark.slow
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_reductions_of_random_programs(program: list[tuple[Statement, ...]]) -> None:
    """Every reduction fails the same; movers do not count where a field is not locked."""
    system = system_of(program)
    failing = {
        name: frozenset(explorer(system, passes).run(INITIAL).violations)
        for name, passes in REDUCTIONS.items()
    }
    ruled_out = {n for n in ("movers", "all") if DISCIPLINE in failing["movers"] | failing["all"]}
    for name in failing.keys() - ruled_out:
        assert failing[name] == failing["none"], name


@needs_native
@pytest.mark.slow
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_engines_on_random_programs(program: list[tuple[Statement, ...]]) -> None:
    """Both explorers find the same of each program, whichever reductions are made."""
    for name, passes in REDUCTIONS.items():
        one = explorer(system_of(program), passes)
        assert findings(Native(one, INITIAL).run()) == findings(one.run(INITIAL)), name


@needs_native
@pytest.mark.parametrize("engine", [Engine.NATIVE, Engine.AUTO])
@pytest.mark.parametrize("name", ["merged", "merged, no flush"])
def test_engines_on_casts(name: str, engine: Engine) -> None:
    """States of many words, violations and traces."""
    of = variant(name)
    one = cast(of, "move+zap_dst/2p/ptl=different/init=all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY)
    _, expected = stage.search(one, Role(of), engine=Engine.REFERENCE)
    _, found = stage.search(one, Role(of), engine=engine)
    assert findings(found) == findings(expected)
    assert found.states > 100
    assert bool(found.violations) == (name != "merged")


@needs_native
def test_what_is_remembered_may_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that makes room again and again finds the same."""
    of = variant("merged, no flush")
    one = cast(of, "move+zap_dst/2p/ptl=different/init=all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY)
    _, expected = stage.search(one, Role(of), engine=Engine.NATIVE)
    monkeypatch.setattr(explorer_module, "MOST_REMEMBERED", 2000)
    _, found = stage.search(one, Role(of), engine=Engine.NATIVE)
    assert findings(found) == findings(expected)


@needs_native
@pytest.mark.parametrize("states", [1, 10_000, 20_000])
def test_a_bound_stops_both_at_the_same_state(states: int) -> None:
    system, initial = system_of_shoot(3, 2, 2)
    limits = Limits(states)
    both = [shoot_explorer(system) for _ in range(2)]
    found = Native(both[0], initial).run(limits)
    assert findings(found) == findings(both[1].run(initial, limits))
    assert found.why == f"stopped at --max-states {states}"


@needs_native
def test_memory_is_bounded() -> None:
    system, initial = system_of_shoot(3, 2, 2)
    program = Native(shoot_explorer(system), initial)
    found = program.run(Limits(bytes=1 << 18))
    assert found.why == "stopped at --max-memory 0M"
    assert 0 < found.states < 22_853
    assert found.bytes <= 1 << 18
    assert program.run().states == 22_853


@needs_native
def test_no_memory_at_all_is_unknown() -> None:
    system, initial = system_of_shoot(2, 1, 2)
    explorer = shoot_explorer(system)
    found = Native(explorer, initial).run(Limits(bytes=1000))
    assert (found.states, found.why) == (0, "stopped at --max-memory 0M")
    assert [len(f) for f in found.fired] == [len(c.ops) for c in explorer.all_codes()]


@needs_native
def test_threads_that_are_the_same_judge_the_checks_of_their_system() -> None:
    """Systems share what is the same, but not which checks a step may break."""
    number = Int(0, 3)
    place = ex.cell("n", (), number)
    ops = [Op(Kind.STORE, updates=(Update(place, ex.number(k)),)) for k in (1, 2)]
    edges = tuple(Edge(n, n + 1, op) for n, op in enumerate(ops))
    thread = Thread("cpu0", "f", (), edges, 0, 2, 3)
    variables = (Variable("n", (), number),)
    press = CodeCache(Layout(variables, frozenset(), 1))
    checks = [StateCheck(f"not_{k}", ex.not_(ex.eq(place, ex.number(k)))) for k in (1, 2, 3)]
    several = [checks[2:], checks[1:], checks[:2]]
    explorers = [Explorer(System("s", variables, (thread,), (), tuple(c)), press) for c in several]
    violated = [set(Native(e, {place: 0}).run().violations) for e in explorers]
    assert violated == [set(), {"not_2"}, {"not_1", "not_2"}]
    assert violated == [set(e.run({place: 0}).violations) for e in explorers]


@needs_native
def test_more_checks_than_a_word_has_bits() -> None:
    number = Int(0, 99)
    place = ex.cell("n", (), number)
    op = Op(Kind.STORE, updates=(Update(place, ex.number(97)),))
    thread = Thread("cpu0", "f", (), (Edge(0, 1, op),), 0, 1, 2)
    variables = (Variable("n", (), number),)
    checks = tuple(
        StateCheck(f"not_{k}", ex.not_(ex.eq(place, ex.number(k)))) for k in range(1, 99)
    )
    press = CodeCache(Layout(variables, frozenset(), 1))
    explorer = Explorer(System("s", variables, (thread,), (), checks), press)
    found = Native(explorer, {place: 0}).run()
    assert set(found.violations) == {"not_97"}
    assert findings(found) == findings(explorer.run({place: 0}))


def stored(sort: Int, value: Expr) -> tuple[Explorer, State]:
    """A thread that goes on storing a value in a cell `n`."""
    place = ex.cell("n", (), sort)
    op = Op(Kind.STORE, updates=(Update(place, value),))
    thread = Thread("cpu0", "f", (), (Edge(0, 0, op),), 0, 1, 2)
    system = System("counts", (Variable("n", (), sort),), (thread,))
    return Explorer(system, CodeCache(Layout(system.variables, frozenset(), 1))), {place: sort.lo}


@needs_native
def test_a_value_too_large_for_its_field_is_an_error() -> None:
    """The front end narrows; IR that does not must not change the field beside it."""
    number = Int(0, 3)
    place = ex.cell("n", (), number)
    for value in (ex.add(place, ex.number(1)), ex.number(4)):
        with pytest.raises(ModelError, match="does not fit"):
            Native(*stored(number, value)).run()


@needs_native
def test_what_a_word_does_not_hold_is_left_to_the_reference() -> None:
    """A number of 70 bits: `auto` finds what the reference does, `native` says why it cannot."""
    number = Int(0, (1 << 70) - 1)
    one, initial = stored(number, ex.add(ex.cell("n", (), number), ex.number(1)))
    limits = Limits(states=3)
    found = searched(one, initial, limits, Engine.AUTO)
    assert (found.states, found.why) == (3, "stopped at --max-states 3")
    with pytest.raises(ModelError, match="--engine native: a field has 70 bits"):
        searched(one, initial, limits, Engine.NATIVE)


@needs_native
def test_an_index_that_no_object_has_is_past_the_end() -> None:
    """Three bits number five objects: with the last codes, an array would go on past the state."""
    things = Ref("Thing", ("a", "b", "c", "d", "e"))
    marks = Set(Int(0, 15))
    which = ex.local("f.which", things)
    place = ex.cell("marks", (which,), marks)
    one = ex.single(ex.number(3), marks)
    pick = [
        Edge(0, 1, Op(Kind.CHOICE, updates=(Update(which, ex.const(n, things)),)), choice=str(n))
        for n in things.codes()
    ]  # fmt: skip
    mark = Edge(1, 2, Op(Kind.STORE, updates=(Update(place, ex.union(place, one)),)))
    thread = Thread("cpu0", "f", (which,), (*pick, mark), 0, 2, 3)
    system = System("marks", (Variable("marks", (things,), marks),), (thread,))
    layout = Layout(system.variables, frozenset({"marks"}), 1)
    explorer = Explorer(system, CodeCache(layout))
    initial: State = {ex.cell("marks", (ex.const(n, things),), marks): 0 for n in things.codes()}
    found = Native(explorer, initial).run()
    reached = layout.bits(place, explorer.seats[0]).bit_length()
    assert reached > -(-layout.width // 64) * 64  # so it is what it is about
    assert found.states == 11
    assert findings(found) == findings(explorer.run(initial))


class TestBuilt:
    """An extension that is not there, or not of the sources beside it, is not used."""

    @pytest.fixture(autouse=True)
    def _anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extension, "_loaded", extension._loaded.__wrapped__)

    def test_there_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(extension, "HERE", tmp_path)
        with pytest.raises(extension.NotBuiltError, match="it was not built"):
            extension.extension()
        system, initial = system_of_shoot(2, 1, 2)
        explorer = shoot_explorer(system)
        assert searched(explorer, initial, Limits(), Engine.AUTO).states == 189

    @needs_native
    def test_of_other_sources(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        sources = shutil.copytree(extension.SOURCES, tmp_path / "runtime")
        monkeypatch.setattr(extension, "SOURCES", sources)
        extension.extension()
        with (sources / "keys.h").open("a") as out:
            out.write("/* another */\n")
        with pytest.raises(extension.NotBuiltError, match="built of other sources"):
            extension.extension()

    def test_damaged(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "_native.so").write_bytes(b"no library")
        (tmp_path / "_native.abi3.so").write_bytes(b"no library")
        monkeypatch.setattr(extension, "HERE", tmp_path)
        with pytest.raises(extension.NotBuiltError, match="cannot be loaded"):
            extension.extension()
