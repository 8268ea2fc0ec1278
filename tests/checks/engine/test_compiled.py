# SPDX-License-Identifier: GPL-2.0-only
"""The compiled explorer finds what the reference explorer finds."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from checks.engine import compiler, engines
from checks.engine.c_program import Source
from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.compiled import Program
from checks.engine.engines import Engine
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
from model.lang.ir import Check, Edge, Kind, Op, State, StateCheck, System, Thread, Update, Variable
from model.lang.sorts import Int, Ref, Set

from ..reduce.playing import EVERY, cast, variant
from .programs import INITIAL, Statement, programs, reduced, system_of

AT_ONCE = 25
"""Programs in one C file."""

PROGRAMS = int(os.environ.get("CHECK_INVARIANTS_PROGRAMS", "100"))

REDUCTIONS = {
    "none": Passes(fold=False, erase=False, merge=False, movers=False),
    "fold": Passes(fold=True, erase=False, merge=False, movers=False),
    "erase": Passes(fold=False, erase=True, merge=False, movers=False),
    "merge": Passes(fold=False, erase=False, merge=True, movers=False),
    "movers": Passes(fold=False, erase=False, merge=True, movers=True),
    "all": Passes(),
}

needs_cc = pytest.mark.skipif(
    not compiler.present(), reason="there is no C compiler, so nothing to compare with"
)


def explorer(system: System, passes: Passes) -> Explorer:
    """The reference explorer on a system with these passes made."""
    if not (passes.fold or passes.erase or passes.merge):
        parts = [Part(t, n) for n, t in enumerate(system.threads)]
        layout = Layout(system.variables, Regions.of_parts(parts).whole, len(system.threads))
        return Explorer(system, CodeCache(layout))
    done, small = reduced(system, passes)
    layout = Layout(small.variables, done.regions.whole, len(small.threads))
    return Explorer(small, CodeCache(layout, live_locals if passes.merge else None))


def shoot_files() -> list[str]:
    """C files to compile."""
    system, initial = system_of_shoot(2, 1, 2)
    one = shoot_explorer(system)
    one.pack(initial)
    source = Source()
    source.add(one)
    return source.files()


def findings(found: Search) -> object:
    """All that two explorers of one system have to agree in."""
    paths = {name: found.path(v.state) for name, v in found.violations.items()}
    counts = (found.states, found.transitions, found.levels)
    return counts, found.why, found.violations, paths, found.fired


@pytest.mark.slow
@settings(max_examples=PROGRAMS, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_reductions_of_random_programs(program: list[tuple[Statement, ...]]) -> None:
    """The same fails with every reduction; movers do not count where a field is not locked."""
    system = system_of(program)
    failing = {
        name: frozenset(explorer(system, passes).run(INITIAL).violations)
        for name, passes in REDUCTIONS.items()
    }
    ruled_out = {n for n in ("movers", "all") if DISCIPLINE in failing["movers"] | failing["all"]}
    for name in failing.keys() - ruled_out:
        assert failing[name] == failing["none"], name


@needs_cc
@pytest.mark.slow
@settings(
    max_examples=max(1, PROGRAMS // AT_ONCE), deadline=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.lists(programs, min_size=AT_ONCE, max_size=AT_ONCE))
def test_engines_on_random_programs(batch: list[list[tuple[Statement, ...]]]) -> None:
    """Both explorers find the same of each program, whichever reductions are made."""
    explorers = [
        explorer(system_of(program), passes)
        for program in batch for passes in REDUCTIONS.values()
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFLAGS", "-O0")
        program = Program(explorers, [INITIAL] * len(explorers))
    for number, one in enumerate(explorers):
        found = program.run(number)
        assert findings(found) == findings(one.run(INITIAL)), batch[number // len(REDUCTIONS)]


@needs_cc
@pytest.mark.parametrize("engine", [Engine.COMPILED, Engine.AUTO])
@pytest.mark.parametrize("name", ["merged", "merged, no flush"])
def test_engines_on_casts(name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """States of many words, violations and traces; `AUTO` compiles what is larger than a bound."""
    monkeypatch.setattr(engines, "LARGE", 100)
    monkeypatch.setenv("CFLAGS", "-O0")
    of = variant(name)
    one = cast(of, "move+zap_dst/2p/ptl=different/init=all_at_src")
    stage = Stage(Setting.of(one), "x86_64", EVERY)
    _, expected = stage.search(one, Role(of), engine=Engine.REFERENCE)
    _, found = stage.search(one, Role(of), engine=engine)
    assert findings(found) == findings(expected)
    assert found.states > 100
    assert bool(found.violations) == (name != "merged")


@needs_cc
@pytest.mark.parametrize("states", [1, 10_000, 20_000])
def test_a_bound_stops_both_at_the_same_state(states: int) -> None:
    system, initial = system_of_shoot(3, 2, 2)
    limits = Limits(states)
    both = [shoot_explorer(system) for _ in range(2)]
    found = Program(both[:1], [initial]).run(0, limits)
    assert findings(found) == findings(both[1].run(initial, limits))
    assert found.why == f"stopped at --max-states {states}"


@needs_cc
def test_memory_is_bounded() -> None:
    system, initial = system_of_shoot(3, 2, 2)
    program = Program([shoot_explorer(system)], [initial])
    found = program.run(0, Limits(bytes=1 << 18))
    assert found.why == "stopped at --max-memory 0M"
    assert 0 < found.states < 22_853
    assert found.bytes <= 1 << 18
    assert program.run().states == 22_853


@needs_cc
def test_no_memory_at_all_is_unknown() -> None:
    system, initial = system_of_shoot(2, 1, 2)
    explorer = shoot_explorer(system)
    found = Program([explorer], [initial]).run(0, Limits(bytes=1000))
    assert (found.states, found.why) == (0, "stopped at --max-memory 0M")
    assert [len(f) for f in found.fired] == [len(c.ops) for c in explorer.all_codes()]


@needs_cc
def test_threads_that_are_the_same_judge_the_checks_of_their_system() -> None:
    """Systems of one program share what is the same, but not which checks a step may break."""
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
    program = Program(explorers, [{place: 0}] * 3)
    violated = [set(program.run(n).violations) for n in range(3)]
    assert violated == [set(), {"not_2"}, {"not_1", "not_2"}]
    assert violated == [set(e.run({place: 0}).violations) for e in explorers]


@needs_cc
def test_text_that_is_the_same_may_be_about_other_invariants() -> None:
    """Threads and checks that differ in names alone are compiled once."""
    number = Int(0, 3)
    place = ex.cell("n", (), number)
    variables = (Variable("n", (), number),)
    layout = Layout(variables, frozenset(), 1)
    explorers = []
    for name in ("one", "other"):
        fails = Check(f"{name}_step", ex.eq(place, ex.number(1)))
        op = Op(Kind.STORE, updates=(Update(place, ex.number(2)),), checks=(fails,))
        thread = Thread("cpu0", "f", (), (Edge(0, 1, op),), 0, 1, 2)
        check = StateCheck(f"{name}_state", ex.not_(ex.eq(place, ex.number(2))))
        system = System("s", variables, (thread,), (), (check,))
        explorers.append(Explorer(system, CodeCache(layout)))
    program = Program(explorers, [{place: 0}] * 2)
    violated = [set(program.run(n).violations) for n in range(2)]
    assert violated == [{"one_step", "one_state"}, {"other_step", "other_state"}]


@needs_cc
def test_a_value_too_large_for_its_field_is_an_error() -> None:
    """The front end narrows; IR that does not must not change the field beside it."""
    number = Int(0, 3)
    place = ex.cell("n", (), number)
    op = Op(Kind.STORE, updates=(Update(place, ex.add(place, ex.number(1))),))
    thread = Thread("cpu0", "f", (), (Edge(0, 0, op),), 0, 1, 2)
    system = System("counts", (Variable("n", (), number),), (thread,))
    layout = Layout(system.variables, frozenset(), 1)
    program = Program([Explorer(system, CodeCache(layout))], [{place: 0}])
    with pytest.raises(ModelError, match="does not fit"):
        program.run()


@needs_cc
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
    found = Program([explorer], [initial]).run()
    reached = layout.bits(place, explorer.seats[0]).bit_length()
    assert reached > -(-layout.width // 64) * 64  # so it is what it is about
    assert found.states == 11
    assert findings(found) == findings(explorer.run(initial))


def _has_two(texts: list[str]) -> bool:
    return ctypes.c_int.in_dll(compiler.load(texts), "two").value == 0


class TestCache:
    """What was compiled is kept, unless it cannot be."""

    FILES = shoot_files()

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = tmp_path
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def kept(self, suffix: str = "") -> list[Path]:
        return sorted(self.root.glob(f"check-invariants/*{suffix}"))

    @needs_cc
    def test_a_second_load_does_not_compile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compiler.load(self.FILES)
        assert len(self.kept(".so")) == 1
        assert len(self.kept(".o")) == len(self.FILES)
        monkeypatch.setattr(subprocess, "run", None)
        compiler.load(self.FILES)

    @needs_cc
    def test_programs_share_files(self) -> None:
        """Only what another program has not is compiled."""
        compiler.load(self.FILES)
        before = self.kept(".o")
        compiler.load([*self.FILES, "int other;"])
        assert len(set(self.kept(".o")) - set(before)) == 1
        assert len(self.kept(".so")) == 2

    @needs_cc
    def test_damaged_files_are_made_again(self) -> None:
        compiler.load(self.FILES)
        whole = {path: path.read_bytes() for path in self.kept()}
        for path, content in whole.items():
            path.unlink()  # not in place: what is loaded is mapped
            path.write_bytes(content[: len(content) // 2])
        compiler.load(self.FILES)
        assert {path: path.read_bytes() for path in self.kept()} == whole

    @needs_cc
    def test_what_was_not_used_for_longest_is_removed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compiler.load(self.FILES)
        old = self.kept()
        for path in old:
            os.utime(path, (0, 0))
        compiler.load(self.FILES)  # of these the program is used, and its objects are not
        (used,) = self.kept(".so")
        monkeypatch.setattr(compiler, "MOST_BYTES", used.stat().st_size + 20_000)
        other = ["int other;"]
        compiler.load(other)
        assert used in self.kept()
        assert not set(self.kept()) & set(old) - {used}
        monkeypatch.setattr(compiler, "MOST_BYTES", 0)
        compiler.load(["int yet_another;"])
        assert len(self.kept()) == 1  # the last one made

    @needs_cc
    def test_what_a_killed_run_left_behind_is_removed(self) -> None:
        directory = self.root / "check-invariants"
        directory.mkdir()
        left, new = directory / "left.part", directory / "new.part"
        for path in (left, new):
            path.write_text("not whole")
        os.utime(left, (0, 0))
        compiler.load(["int other;"])
        assert not left.exists()
        assert new.exists()

    @needs_cc
    def test_runs_that_remove_what_others_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiler, "MOST_BYTES", 0)
        texts = [[f"int one{n};", "int two;"] for n in range(3)]
        with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as pool:
            assert all(pool.map(_has_two, texts * 3))

    @needs_cc
    def test_a_cache_that_is_no_directory(self) -> None:
        (self.root / "check-invariants").write_text("in the way")
        compiler.load(self.FILES)
        assert (self.root / "check-invariants").read_text() == "in the way"

    def test_no_compiler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CC", "no-such-compiler")
        with pytest.raises(compiler.NoCompilerError, match="no-such-compiler"):
            compiler.load(self.FILES)

    def test_a_compiler_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CC", "false")
        with pytest.raises(compiler.NoCompilerError, match="'false' fails"):
            compiler.load(self.FILES)
