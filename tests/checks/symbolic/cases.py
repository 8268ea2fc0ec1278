# SPDX-License-Identifier: GPL-2.0-only
"""Systems on which the encoding is compared with the explorer: random ones with every kind of edge,
and built-in ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import HealthCheck, Phase, given, seed, settings

from checks.engine.codegen.code_cache import CodeCache
from checks.engine.codegen.layout import Layout
from checks.engine.reference import Explorer
from checks.examples.example import explorer_of
from checks.examples.example import system_of as shoot
from checks.reduce.liveness import live_locals
from checks.reduce.reducer import Group, Passes, Reducer
from checks.reduce.usage import Part, Regions
from checks.stage.stage import Role, Setting, Stage
from checks.target.selection import chosen_casts
from checks.target.target import as_mutant, by_name
from invariants import REGISTRY
from model.cast.casts import Cast
from model.lang import expr as ex
from model.lang.ir import Check, Edge, Kind, Op, Rule, StateCheck, System, Update

from ..engine.programs import (
    INITIAL,
    LOCKED,
    NUMBER,
    OWNER,
    VARIABLES,
    F,
    N,
    P,
    Statement,
    X,
    Y,
    programs,
    system_of,
)  # fmt: skip
from .agreement import Case

ONE = ex.number(1)
RULES = (
    Rule("set on", Op(Kind.PRIMITIVE, ex.eq(N, ONE), (Update(P, ex.put(P, "on", ex.TRUE)),)),
         hardware=True),
    Rule("grow", Op(Kind.PRIMITIVE, ex.lt(F, ONE),
                    (Update(F, ex.narrow(ex.add(F, ONE), NUMBER)),)), hardware=True),
    Rule("swap", Op(Kind.PRIMITIVE, ex.not_(ex.eq(N, F)), (Update(N, F), Update(F, N)))),
)  # fmt: skip
"""Two of hardware; with the third, of software, nothing is a deadlock while it can happen."""

NEVER_BOTH = StateCheck("never both", ex.not_(ex.and_(ex.eq(N, ONE), ex.eq(F, ONE))))


def random_programs(count: int, number: int) -> list[list[tuple[Statement, ...]]]:
    """So many programs, the same for each number."""
    found: list[list[tuple[Statement, ...]]] = []

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(programs)
    def collect(program: list[tuple[Statement, ...]]) -> None:
        found.append(program)

    collect()
    return found


def random_case(program: Sequence[Sequence[Statement]], number: int) -> Case:
    """A program as it is, with rules, or reduced."""
    system = _every_kind(system_of(program))
    system = replace(system, checks=(*system.checks, NEVER_BOTH))
    way = number % 4
    rules = RULES[: (0, 2, 3, 2)[way]]
    if way < 3:
        system = replace(system, rules=rules)
        parts = [Part(t, n) for n, t in enumerate(system.threads)]
        whole = Regions.of_parts([*parts, Part(None, rules=rules)]).whole
        layout = Layout(system.variables, whole, len(system.threads))
        return Case(partial(Explorer, system, CodeCache(layout)), INITIAL, resets=False)
    family = Group(
        [[t] for t in system.threads], rules, system.checks, system.finals, [INITIAL], LOCKED,
        lambda _: OWNER,
    )  # fmt: skip
    done = Reducer(VARIABLES, Passes(movers=False)).reduce(family)
    small = done.of(system)
    layout = Layout(small.variables, done.regions.whole, len(small.threads))
    return Case(partial(Explorer, small, CodeCache(layout, live_locals)), INITIAL, resets=True)


def _every_kind(system: System) -> System:
    """Some steps as kinds of which random programs have none."""
    return replace(system, threads=tuple(
        replace(t, edges=tuple(replace(e, op=_as_kind(e)) for e in t.edges))
        for t in system.threads
    ))  # fmt: skip


def _as_kind(edge: Edge) -> Op:
    op = edge.op
    if op.checks and edge.number % 3 == 0:
        return Op(Kind.ASSERT, checks=(Check("same", ex.eq(N, F)),))
    if op.checks and edge.number % 3 == 1:
        return Op(Kind.UNMODELLED, checks=(Check("model:unmodelled", ex.not_(ex.lt(X, Y))),))
    if edge.call is not None and edge.call.name == "go on":
        return replace(op, kind=Kind.BARRIER)
    return op


# -- built-in models -------------------------------------------------------------------------------


def shoot_case(size: tuple[int, int, int], depth: int, *, acked: bool = True) -> Case:
    """`shoot` at a size."""
    system, initial = shoot(*size, acked=acked)
    return Case(partial(explorer_of, system), initial, resets=False, depth=depth)


def move_case(variant: str, scene: str, mutant: str = "", arch: str = "x86_64") -> Case:
    """A scenario of the patch, reduced as it is decided."""
    subject = by_name("uffd_move_batching", variant)
    if mutant:
        subject = as_mutant(subject, mutant)
    role = subject.selected.role
    (one,) = chosen_casts(subject.family.casts, role.variant.neighbours_from, scene, full=False)
    return played(Stage(Setting.of(one), arch, REGISTRY.values()), one, role)


def played(stage: Stage, cast: Cast, role: Role) -> Case:
    """A cast on its stage."""
    make = partial(stage.explorer, cast, role)
    return Case(make, stage.initial(cast), resets=True, depth=4, states=8)


_AT_SRC = "1p/ptl=different/init=all_at_src"
BUILT_IN: dict[str, Callable[[], Case]] = {
    "shoot(2,1,2)": partial(shoot_case, (2, 1, 2), 8),
    "shoot(2,2,2)": partial(shoot_case, (2, 2, 2), 5),
    "shoot(2,1,2) no_ack_wait": partial(shoot_case, (2, 1, 2), 7, acked=False),
    "merged": partial(move_case, "merged", f"move/{_AT_SRC}"),
    "merged, arm64": partial(move_case, "merged", f"move+user/{_AT_SRC}", arch="arm64"),
    "no flush": partial(move_case, "merged", f"move/{_AT_SRC}", "no flush"),
    "argument order": partial(
        move_case, "merged", f"move+zap_dst/{_AT_SRC}", "PTLs in argument order"
    ),
    "v3": partial(move_case, "v3", f"move+gup_fast/{_AT_SRC}"),
    "per_page": partial(move_case, "per_page", "move/1p/ptl=different/init=zero_page"),
    "folio_lock_only": partial(move_case, "folio_lock_only", f"move+folio_referenced/{_AT_SRC}"),
}
