# SPDX-License-Identifier: GPL-2.0-only
"""Every routine of a cast does as plain Python what its IR does, step by step.

Each version of every family beside every neighbour, from every initial state, on every
architecture, under random schedules with hardware in between.  That a front end which is wrong is
noticed is a test as well: `test_a_broken_front_end_is_noticed`.
"""

from __future__ import annotations

import ast
import functools
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from checks.stage.stage import Role, Setting, Stage
from model.cast.cast_set import CastSet, Group
from model.cast.casts import Cast, Initial, Subject, invocations
from model.cast.neighbour import Neighbour
from model.hw import tlb
from model.hw.arch import selected
from model.hw.archs import ARCHS
from model.kernel.task import return_to_caller
from model.lang import compose
from model.lang import expr as ex
from model.lang.compose import Invocation
from model.lang.declare import swapped
from model.lang.expr import Expr
from model.lang.frontend.body import Body
from model.lang.frontend.routine import Routine
from model.lang.ir import Edge, Kind, System
from model.lang.objects import Kobject, World
from model.lang.sorts import Int
from model.patches.family import Family, Variant
from tests.families import EVERY, MOVE, archs_of
from tests.model.lockstep import Difference, Lockstep, play

PLAYED = [(name, arch) for name, family in EVERY.items() for arch in archs_of(family)]


@functools.cache
def stage(name: str, arch: str, crew: tuple[str, ...], apart: frozenset[str]) -> Stage:
    """A world of a family with everything that any initial state or neighbour needs, but of what
    comes in the place of something these; where an axis has several values by default, every other
    architecture has another one."""
    casts, turn = EVERY[name].casts, list(ARCHS).index(arch)
    axes = tuple((a.name, a.default[turn % len(a.default)]) for a in casts.axes)
    states, neighbours = (p.needs for p in states_of(casts)), (n.needs for n in casts.beside)
    needs = frozenset[str]().union(*states, *neighbours) - casts.blueprint.apart | apart
    return Stage(Setting(casts.blueprint, axes, needs, crew), arch, [], anytime=True)


def states_of(casts: CastSet) -> tuple[Initial, ...]:
    return (*casts.initial, *casts.assumed)


@functools.cache
def rules(here: Stage) -> Mapping[str, Callable[[], Any]]:
    """What hardware does by itself, as Python, by the names of the IR's rules."""
    world = here.world
    found: dict[str, Callable[[], Any]] = {}
    for fn in (*tlb.FILL, *tlb.EVICT, *tlb.STORES):
        hints = typing.get_type_hints(fn.fn, include_extras=True)
        hints.pop("return")
        for args in itertools.product(*(choices(world, h) for h in hints.values())):
            label = " ".join([fn.name, *(str(getattr(a, "name", a)) for a in args)])
            found[label] = functools.partial(fn, *args)
    return found


def choices(world: World, hint: Any) -> list[Any]:
    if isinstance(hint, type) and issubclass(hint, Kobject):
        return list(world.all(hint))
    sort = world.sort(hint)
    if isinstance(sort, Int):
        return list(range(sort.lo, sort.hi + 1))
    return [world.decode(code, hint) for code in sort.codes()]


def body(call: Invocation) -> Callable[[], Any]:
    def run() -> Any:
        result = call.fn(*call.args)
        return_to_caller(result)
        return result

    return run


@functools.cache
def base(here: Stage) -> dict[tuple[str, tuple[int, ...]], int]:
    """The world as it was when the IR was made."""
    return here.world.snapshot()


@dataclass(frozen=True)
class Scene:
    """A family on an architecture."""

    family: str
    arch: str

    @property
    def of(self) -> Family:
        return EVERY[self.family]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        return self.of.casts.subjects

    @functools.cached_property
    def states(self) -> list[Initial]:
        """The states that its worlds are large enough for."""
        casts = self.of.casts
        axes = dict(self.stage(casts.cast()).setting.axes)
        return [state for state in states_of(casts) if state.fits(axes)]

    def stage(self, cast: Cast) -> Stage:
        """The world that a cast is played in, which is that of others too."""
        apart = cast.initial.needs & self.of.casts.blueprint.apart
        return stage(self.family, self.arch, cast.crew, apart)

    def cast(self, subject: Subject, others: Group, initial: Initial) -> Cast:
        casts = self.of.casts
        axes = dict(self.stage(casts.cast(others)).setting.axes)
        return replace(casts.cast(others, initial.name, **axes), subject=subject)

    def present(self, variant: Variant) -> list[Neighbour]:
        return [n for n in self.of.casts.beside if n.exists_in(variant.neighbours_from)]

    def user(self) -> Group:
        """What lets user code store, if any neighbour does."""
        return tuple(n for n in self.of.casts.beside if n.stores)[:1]

    def system(self, calls: Sequence[Invocation], cast: Cast, variant: Variant) -> System:
        """The raw system.  Threads that no variant changes are made for one of them only."""
        here, usual = self.stage(cast), self.of.variant(self.of.after)
        plain, own = Role(usual), calls[0].fn
        alone = here.raw_system(replace(cast, others=cast.others and self.user()), plain)
        threads = [
            here.raw(
                call,
                plain
                if call.fn is not own and variant.called_by([call.fn]) == usual.called_by([call.fn])
                else Role(variant),
            )
            for call in calls
        ]
        return replace(alone, threads=tuple(threads))

    def run_twice(self, cast: Cast, variant: Variant, seed: int) -> Lockstep:
        """One random run; Difference where Python and the IR part."""
        here = self.stage(cast)
        subject = variant.call(cast, here.setup)
        calls = invocations(here.setup, subject, cast, variant.neighbours_from)
        system = self.system(calls, cast, variant)
        initial = here.initial(replace(cast, others=cast.others and self.user()))
        before = base(here)
        with selected(here.arch_of(variant)), swapped(variant.swap_in(calls[0].fn)):
            bodies = [(c.thread, body(c)) for c in calls]
            run = Lockstep(here.world, system, initial, bodies, rules(here))
            try:
                return play(run, Random(seed))
            finally:
                here.world.restore(before)


@pytest.mark.parametrize(
    ("family", "arch", "variant"),
    [(*scene, v.name) for scene in PLAYED for v in EVERY[scene[0]].variants],
)
def test_variants_beside_every_neighbour(family: str, arch: str, variant: str) -> None:
    scene = Scene(family, arch)
    of = scene.of.variant(variant)
    beside = itertools.cycle(scene.present(of))
    ended = 0
    states = scene.states[list(ARCHS).index(arch) % 2 :: 2] or scene.states
    chosen = [*itertools.islice(itertools.cycle(states), max(len(states), 3))]
    for subject in scene.subjects:
        for seed, initial in enumerate(chosen):
            others = tuple(itertools.islice(beside, seed % 3))
            run = scene.run_twice(scene.cast(subject, others, initial), of, seed)
            ended += run.it.ended(run.pos)
    assert ended > len(scene.subjects) * len(chosen) // 2, "most runs end"


def neighbours() -> Iterator[tuple[str, str]]:
    """The names of every family and of its neighbours; one that several families have at a role of
    the same world, in the first of them."""
    seen: set[tuple[object, ...]] = set()
    for name, family in EVERY.items():
        for n in family.casts.beside:
            key = n.role, n.again, family.casts.blueprint, *n.since.values()
            if key not in seen:
                yield name, n.name
            seen.add(key)


@pytest.mark.parametrize(("family", "neighbour"), list(neighbours()))
def test_neighbours_from_every_state(family: str, neighbour: str) -> None:
    """Beside the version after the patch, enough runs for many of a neighbour's edges to be taken:
    three from each state, and more where little of it runs unless the subject came first.  One that
    is the subject, asked for something else, has those that the subject takes, too."""
    scene = Scene(family, archs_of(EVERY[family])[0])
    (beside,) = (n for n in scene.of.casts.beside if n.name == neighbour)
    variant = scene.of.variant(scene.of.after)
    if not beside.exists_in(variant.neighbours_from):
        variant = next(v for v in scene.of.variants if beside.exists_in(v.neighbours_from))
    taken: set[tuple[object, ...]] = set()
    seen, shown = 0, list[Edge]()
    begin = list(itertools.product(scene.subjects, scene.states))
    for seed, (subject, initial) in enumerate(begin * 16):
        if seed >= 3 * len(begin) and seen > len(shown) * 0.4:
            break
        run = scene.run_twice(scene.cast(subject, (beside,), initial), variant, seed)
        threads = run.system.threads if beside.again else run.system.threads[-1:]
        first = len(run.sides) - len(threads)
        taken |= {
            place(e, beside)
            for number, thread in enumerate(threads, first)
            for e in thread.edges
            if (number, e.number) in run.fired
        }
        shown = [e for e in run.system.threads[-1].edges if e.op.kind is not Kind.LET]
        seen = sum(place(e, beside) in taken for e in shown)
    assert seen > len(shown) * 0.4, f"{seen} of {len(shown)} edges"


def place(edge: Edge, neighbour: Neighbour) -> tuple[object, ...]:
    """An edge, or where it stands and which way it goes, if several threads have the text."""
    if neighbour.again is None:
        return (edge.number,)
    site = edge.site.shown() if edge.site is not None else None
    where = (site.file, site.function, site.line) if site is not None else ()
    return (*where, edge.op.kind, edge.call.name if edge.call is not None else "", edge.choice)


# -- what if the front end were wrong -------------------------------------------------------------


def _branch_swapped(old: Any) -> Any:
    def test(
        self: Routine, node: ast.expr, *, negated: bool = False
    ) -> tuple[int | None, int | None]:
        yes, no = old(self, node, negated=negated)
        swap = self.fn.name == "pte_offset_map_lock" and isinstance(node, ast.Compare)
        return (no, yes) if swap else (yes, no)

    return test


def _writes_always(_old: Any) -> Any:
    def write(self: Body, place: ex.Cell, value: Expr, _node: ast.AST) -> None:
        self.writes[place] = value

    return write


def _never_waits(old: Any) -> Any:
    def special(self: Body, fn: Any, args: list[Any], node: ast.Call) -> Any:
        result = old(self, fn, args, node)
        self.guard = ex.TRUE
        return result

    return special


def _at_least(old: Any) -> Any:
    def compare(self: Body, op: ast.cmpop, left: Any, right: Any, node: ast.AST) -> Expr:
        wrong = ast.GtE() if isinstance(op, ast.Gt) else op
        result: Expr = old(self, wrong, left, right, node)
        return result

    return compare


def _last_return_wins(_old: Any) -> Any:
    def give(self: Body, node: ast.Return) -> None:
        self.result = self.typed(self.eval(node.value) if node.value else None, node)
        self.done = ex.or_(self.done, self.live())

    return give


def _drops_one(old: Any) -> Any:
    def let(self: Routine, pairs: list[Any], node: ast.AST, **target: Any) -> None:
        old(self, pairs[:-1] if len(pairs) > 1 else pairs, node, **target)

    return let


SABOTAGE = [
    (Routine, "test", _branch_swapped),
    (Routine, "let", _drops_one),
    (Body, "write", _writes_always),
    (Body, "special", _never_waits),
    (Body, "compare", _at_least),
    (Body, "give", _last_return_wins),
]


@pytest.mark.parametrize(
    ("cls", "method", "wrong"), SABOTAGE, ids=[wrong.__name__ for _, _, wrong in SABOTAGE]
)
def test_a_broken_front_end_is_noticed(
    monkeypatch: pytest.MonkeyPatch, cls: type, method: str, wrong: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(cls, method, wrong(getattr(cls, method)))
    # What the right one made would be used again.
    monkeypatch.setattr("checks.stage.stage._made", compose.Compiled())
    monkeypatch.setattr("tests.model.test_two_runs.stage", functools.cache(stage.__wrapped__))
    scene = Scene(MOVE.name, "x86_64")
    variant = MOVE.variant("merged")
    (subject,) = scene.subjects
    with pytest.raises(Difference):  # noqa: PT012 - any of these runs may find it
        for seed, neighbour in enumerate(scene.present(variant) * 2):
            cast = scene.cast(subject, (neighbour,), scene.states[seed % 3])
            scene.run_twice(cast, variant, seed)
