# SPDX-License-Identifier: GPL-2.0-only
"""Every routine of a cast does as plain Python what its IR does, step by step.

Each variant of the built-in patch beside every neighbour, from every initial state, on every
architecture, under random schedules with hardware in between.  That a front end which is wrong is
noticed is a test as well: `test_a_broken_front_end_is_noticed`.
"""

from __future__ import annotations

import ast
import functools
import itertools
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from checks.stage.stage import Role, Setting, Stage
from model.cast.casts import Cast, Initial, invocations
from model.cast.neighbour import Neighbour
from model.cast.neighbours import USER
from model.cast.worlds import NEEDS, TWO_VMAS
from model.hw import tlb
from model.hw.arch import ARCHS, selected
from model.kernel.task import return_to_caller
from model.lang import compose
from model.lang import expr as ex
from model.lang.compose import Invocation
from model.lang.declare import swapped
from model.lang.expr import Expr
from model.lang.frontend.body import Body
from model.lang.frontend.routine import Routine
from model.lang.ir import Edge, Kind, State, System
from model.lang.objects import Kobject, World
from model.lang.sorts import Int
from model.patches.family import Variant
from model.patches.uffd_move_batching import FAMILY
from tests.model.lockstep import Difference, Lockstep, play

PAGES = 2
STATES = (*FAMILY.casts.initial, *FAMILY.casts.assumed)


@functools.cache
def stage(arch: str) -> Stage:
    """A world with everything that any initial state needs; PTLs same on every other one."""
    ptl = ("different", "same")[list(ARCHS).index(arch) % 2]
    return Stage(setting(ptl), arch, [], anytime=True)


def setting(ptl: str) -> Setting:
    return Setting(TWO_VMAS, (("pages", PAGES), ("ptl", ptl)), frozenset(NEEDS), ("mm",) * 3)


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
def begin(here: Stage, initial: Initial, user: bool) -> State:
    """The state that a cast begins in."""
    return here.initial(cast_of(here, (USER,) if user else (), initial))


@functools.cache
def base(here: Stage) -> dict[tuple[str, tuple[int, ...]], int]:
    """The world as it was when the IR was made."""
    return here.world.snapshot()


def system_of(here: Stage, calls: Sequence[Invocation], cast: Cast, variant: Variant) -> System:
    """The raw system.  Threads that no variant changes are made for one of them only."""
    subject, plain = Role(variant), Role(FAMILY.variant(FAMILY.after))
    alone = here.raw_system(replace(cast, others=cast.others and (USER,)), plain)
    threads = [here.raw(call, subject if call.fn is calls[0].fn else plain) for call in calls]
    return replace(alone, threads=tuple(threads))


def run_twice(here: Stage, cast: Cast, variant: Variant, seed: int) -> Lockstep:
    """One random run; Difference where Python and the IR part."""
    subject = variant.call(cast, here.setup)
    calls = invocations(here.setup, subject, cast, variant.neighbours_from)
    system = system_of(here, calls, cast, variant)
    initial = begin(here, cast.initial, bool(cast.others))
    before = base(here)
    with selected(here.arch), swapped(variant.swap_in(calls[0].fn)):
        bodies = [(c.thread, body(c)) for c in calls]
        run = Lockstep(here.world, system, initial, bodies, rules(here))
        try:
            return play(run, Random(seed))
        finally:
            here.world.restore(before)


def cast_of(here: Stage, others: tuple[Neighbour, ...], initial: Initial) -> Cast:
    return FAMILY.casts.cast(others, initial.name, **dict(here.setting.axes))


def present(variant: Variant) -> list[Neighbour]:
    return [n for n in FAMILY.casts.neighbours if n.exists_in(variant.neighbours_from)]


@pytest.mark.parametrize("variant", FAMILY.variants, ids=lambda v: v.name)
@pytest.mark.parametrize("arch", ARCHS)
def test_variants_beside_every_neighbour(arch: str, variant: Variant) -> None:
    here = stage(arch)
    beside = itertools.cycle(present(variant))
    ended = 0
    states = STATES[list(ARCHS).index(arch) % 2 :: 2]
    for seed, initial in enumerate(states):
        others = tuple(next(beside) for _ in range(seed % 3))
        run = run_twice(here, cast_of(here, others, initial), variant, seed)
        ended += run.it.ended(run.pos)
    assert ended > len(states) // 2, "most runs end"


@pytest.mark.parametrize("neighbour", FAMILY.casts.neighbours, ids=lambda n: n.name)
def test_neighbours_from_every_state(neighbour: Neighbour) -> None:
    """Beside the mover of 6.18, enough runs for many of a neighbour's edges to be taken: three from
    each state, and more where little of the neighbour runs unless the mover came first."""
    here, variant = stage("x86_64"), FAMILY.variant("merged")
    taken: set[tuple[int, int]] = set()
    seen, shown = 0, list[Edge]()
    for seed, initial in enumerate(STATES * 16):
        if seed >= 3 * len(STATES) and seen > len(shown) * 0.4:
            break
        run = run_twice(here, cast_of(here, (neighbour,), initial), variant, seed)
        taken |= run.fired
        shown = [e for e in run.system.threads[-1].edges if e.op.kind is not Kind.LET]
        seen = sum((len(run.sides) - 1, e.number) in taken for e in shown)
    assert seen > len(shown) * 0.4, f"{seen} of {len(shown)} edges"


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
    here = Stage(setting("different"), "x86_64", [], anytime=True)
    variant = FAMILY.variant("merged")
    with pytest.raises(Difference):  # noqa: PT012 - any of these runs may find it
        for seed, neighbour in enumerate(present(variant) * 2):
            run_twice(here, cast_of(here, (neighbour,), STATES[seed % 3]), variant, seed)
