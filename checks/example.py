# SPDX-License-Identifier: GPL-2.0-only
"""Deciding an example: a system of rules with one invariant, and parameters."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from model.examples import shoot
from model.lang import compose
from model.lang.errors import ModelError, near
from model.lang.frontend.body import run_pure
from model.lang.frontend.source import Context
from model.lang.ir import State, StateCheck, System

from .engine.engines import Engine, search
from .engine.interpret import Interpreter
from .engine.layout import Layout
from .engine.promela import promela
from .engine.reference import NONE, Explorer, Limits, Press, Progress, Search
from .reduce.symmetry import symmetric_classes
from .reduce.usage import Part, Regions, constant_index, judged_cells
from .trace.changes import changes
from .trace.shortest import concrete, rule_between

PARAMS = {"cpus": (1, 4), "pages": (1, 4), "frames": (1, 6)}
VARIANTS = ("", "no_ack_wait")


@dataclass(frozen=True)
class Step:
    """A rule that was carried out, and the cells that it changed."""

    rule: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class ExampleResult:
    """What was found; `steps` lead to the violation, if there is one.

    `classes` of objects, with their sizes, were exchanged: states are orbits then.  Those that were
    `refused` say why.
    """

    name: str
    sentence: str
    search: Search
    steps: tuple[Step, ...]
    classes: Mapping[str, int]
    refused: Mapping[str, str]


def check_shoot(
    params: Mapping[str, str], variant: str, limits: Limits, engine: Engine = Engine.AUTO,
    progress: Progress | None = None, *, symmetry: bool = False,
) -> ExampleResult:  # fmt: skip
    """Decide `shoot` at a size; ModelError for a parameter that it does not have."""
    sizes = _sizes(params, variant)
    if symmetry and engine is Engine.SYMBOLIC:
        raise ModelError("--symmetry is for engines that visit states", why="Z3 exchanges nothing")
    system, initial = system_of(**sizes, acked=variant != "no_ack_wait")
    classes, refused = symmetric_classes(system, initial) if symmetry else ({}, {})
    make = partial(explorer_of, system, classes)
    if engine is Engine.SYMBOLIC:
        from .symbolic.bounded import bounded_search  # Z3 takes a while to load

        explorer = make()
        done = bounded_search(explorer, initial, limits, progress)
    else:
        explorer, done = search(make, initial, limits, engine, progress)
    steps: tuple[Step, ...] = ()
    for found in done.violations.values():
        path = concrete(explorer, initial, done.path(found.state))
        steps = tuple(_steps(explorer, initial, path))
    size = ",".join(str(sizes[n]) for n in PARAMS)
    doc = shoot.no_free_frame_is_named.fn.__doc__ or ""
    return ExampleResult(
        f"shoot({size}){' ' + variant if variant else ''}", doc, done, steps, classes, refused
    )


def shoot_as_promela(params: Mapping[str, str], variant: str) -> str:
    """`shoot` at a size as Promela; ModelError as `check_shoot`."""
    sizes = _sizes(params, variant)
    return promela(*system_of(**sizes, acked=variant != "no_ack_wait"))


def _sizes(params: Mapping[str, str], variant: str) -> dict[str, int]:
    if variant not in VARIANTS:
        raise ModelError(f"shoot has no variant '{variant}'", instead=near(variant, VARIANTS[1:]))
    unknown = sorted(set(params) - set(PARAMS))
    if unknown:
        raise ModelError(f"shoot has no parameter '{unknown[0]}'", instead=near(unknown[0], PARAMS))
    return {name: _number(name, params) for name in PARAMS}


_DEFAULT = {"cpus": 3, "pages": 2, "frames": 3}


def _number(name: str, params: Mapping[str, str]) -> int:
    text = params.get(name, str(_DEFAULT[name]))
    low, high = PARAMS[name]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ModelError(f"{name}={text}", why=f"{name} is a number from {low} to {high}")
    return int(text)


def system_of(cpus: int, pages: int, frames: int, *, acked: bool = True) -> tuple[System, State]:
    """The system and its initial state."""
    world = shoot.world(cpus, pages, frames, acked=acked)
    ctx = Context(world)
    rules = compose.rules(ctx, shoot.RULES)
    judged = run_pure(ctx, shoot.no_free_frame_is_named, [world.all(shoot.Machine)[0]], fields=True)
    check = StateCheck("no_free_frame_is_named", judged.truth(judged.result, judged.tree))
    system = System("shoot", world.variables(), (), rules, (check,))
    return system, compose.initial_state(ctx)


def explorer_of(system: System, classes: Mapping[str, int] = NONE) -> Explorer:
    """The reference explorer of a system of rules; `classes` of objects are exchanged."""
    computed = {c.var for c in judged_cells(system.checks) if constant_index(c) is None}
    whole = Regions.of_parts([Part(None, rules=system.rules)]).whole | computed
    return Explorer(system, Press(Layout(system.variables, whole)), classes)


def _steps(explorer: Explorer, initial: State, path: list[int]) -> list[Step]:
    """The rule between each two states of a path, and what it changed."""
    interpreter = Interpreter(explorer.system)
    pos = interpreter.start(initial)
    known = {v.name: v for v in explorer.system.variables}
    found = []
    for before, after in itertools.pairwise(path):
        rule = explorer.system.rules[rule_between(explorer, before, after)]
        then = interpreter.fire(pos, rule)
        found.append(Step(rule.name, tuple(c.text for c in changes(pos, then, known))))
        pos = then
    return found
