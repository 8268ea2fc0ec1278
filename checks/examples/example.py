# SPDX-License-Identifier: GPL-2.0-only
"""Deciding an example: a system of rules with invariants, and parameters."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from model.examples import EXAMPLES
from model.examples.example import Example
from model.examples.shoot import SHOOT
from model.lang import compose
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near
from model.lang.frontend.body import run_pure
from model.lang.frontend.source import Context
from model.lang.ir import State, StateCheck, System

from ..engine.codegen.code_cache import CodeCache
from ..engine.codegen.layout import Layout
from ..engine.codegen.promela import promela
from ..engine.engines import Engine, search
from ..engine.interpret import Interpreter
from ..engine.prepared import NONE
from ..engine.reference import Explorer
from ..engine.search import Limits, Progress, Search
from ..reduce.symmetry import symmetric_classes
from ..reduce.usage import Part, Regions, constant_index, judged_cells
from ..trace.changes import changes
from ..trace.shortest import concrete, rule_between


@dataclass(frozen=True)
class Step:
    """A rule that was carried out, and the cells that it changed."""

    rule: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class ExampleResult:
    """What was found; `steps` lead to the violation of `broken`, if there is one.

    `classes` of objects, with their sizes, were exchanged: states are orbits then.  Those that were
    `refused` say why.  `facts` are the clauses of its core that are true of every state, if it was
    proved by induction: then no state was visited.
    """

    name: str
    sentences: tuple[str, ...]
    search: Search
    broken: str
    steps: tuple[Step, ...]
    classes: Mapping[str, int]
    refused: Mapping[str, str]
    facts: tuple[str, ...] = ()


def check_example(
    example: Example, params: Mapping[str, str], variant: str, limits: Limits,
    engine: Engine = Engine.AUTO, progress: Progress | None = None, *, symmetry: bool = False,
) -> ExampleResult:  # fmt: skip
    """Decide an example at a size; ModelError for a parameter that it does not have."""
    sizes = _sizes(example, params)
    if symmetry and engine is Engine.SYMBOLIC:
        raise ModelError("--symmetry is for engines that visit states", why="Z3 exchanges nothing")
    system, initial = built(example, sizes, variant)
    classes, refused = symmetric_classes(system, initial) if symmetry else ({}, {})
    explorer = explorer_of(system, classes)
    facts: tuple[str, ...] = ()
    if engine is Engine.SYMBOLIC:
        done, facts = _symbolic(example, sizes, explorer, initial, limits, progress)
    else:
        done = search(explorer, initial, limits, engine, progress)
    steps: tuple[Step, ...] = ()
    found = min(done.violations.values(), key=lambda v: v.depth, default=None)
    if found is not None:
        path = concrete(explorer, initial, done.path(found.state))
        steps = tuple(_steps(explorer, initial, path))
    size = ",".join(map(str, sizes.values()))
    sentences = {i.name: _sentence(i) for i in example.invariants}
    return ExampleResult(
        f"{example.name}({size}){' ' + variant if variant else ''}", tuple(sentences.values()),
        done, sentences[found.invariant] if found else "", steps, classes, refused, facts,
    )  # fmt: skip


def _symbolic(
    example: Example, sizes: Mapping[str, int], explorer: Explorer, initial: State, limits: Limits,
    progress: Progress | None,
) -> tuple[Search, tuple[str, ...]]:  # fmt: skip
    """By induction, if the example has a core and its clauses are enough; else path by path."""
    from ..prove.clauses_on_instance import clauses_of
    from ..prove.cores import EXAMPLES as CORES
    from ..symbolic.bounded import search_paths  # Z3 takes a while to load
    from ..symbolic.encode import Encoding
    from ..symbolic.induction import Fact, by_induction

    encoding = Encoding(explorer, initial)
    if example.name in CORES:
        core, abstraction = CORES[example.name]
        clauses = clauses_of(core().clauses, abstraction(*sizes.values()), encoding)
        proved = by_induction(encoding, [Fact(*clause) for clause in clauses], limits)
        if proved.stopped:
            return Search(why=f"symbolic: {proved.why}", depth=0), ()
        if not proved.why:
            return Search(), tuple(fact.name for fact in proved.facts)
    return search_paths(encoding, limits, progress), ()


def as_promela(example: Example, params: Mapping[str, str], variant: str) -> str:
    """An example at a size as Promela; ModelError as `check_example`."""
    return promela(*built(example, _sizes(example, params), variant))


def example_named(name: str) -> Example | None:
    """What PATCH names, if it is an example."""
    head, colon, rest = name.partition(":")
    return EXAMPLES.get(rest) if head == "example" and colon else None


def _sentence(invariant: ModelFunction[..., bool]) -> str:
    return invariant.fn.__doc__ or ""


def _sizes(example: Example, params: Mapping[str, str]) -> dict[str, int]:
    unknown = sorted(set(params) - set(example.params))
    if unknown:
        raise ModelError(
            f"{example.name} has no parameter '{unknown[0]}'",
            instead=near(unknown[0], example.params),
        )
    return {name: _number(example, name, params) for name in example.params}


def _number(example: Example, name: str, params: Mapping[str, str]) -> int:
    param = example.params[name]
    text = params.get(name, str(param.default))
    if not text.isdecimal() or not param.low <= int(text) <= param.high:
        raise ModelError(
            f"{name}={text}", why=f"{name} is a number from {param.low} to {param.high}"
        )
    return int(text)


def built(example: Example, sizes: Mapping[str, int], variant: str = "") -> tuple[System, State]:
    """The system of an example and its initial state; ModelError for an unknown variant."""
    if variant and variant not in example.variants:
        raise ModelError(
            f"{example.name} has no variant '{variant}'", instead=near(variant, example.variants)
        )
    flags = example.variants[variant] if variant else {}
    world = example.world(**sizes, **flags)
    ctx = Context(world)
    checks = tuple(_check(ctx, i) for i in example.invariants)
    rules = compose.rules(ctx, example.rules)
    return System(example.name, world.variables(), (), rules, checks), compose.initial_state(ctx)


def _check(ctx: Context, invariant: ModelFunction[..., bool]) -> StateCheck:
    hints = typing.get_type_hints(invariant.fn)
    about = [ctx.world.all(cls)[0] for name, cls in hints.items() if name != "return"]
    judged = run_pure(ctx, invariant, about, fields=True)
    return StateCheck(invariant.name, judged.truth(judged.result, judged.tree))


def system_of(cpus: int, pages: int, frames: int, *, acked: bool = True) -> tuple[System, State]:
    """`shoot` at a size."""
    sizes = {"cpus": cpus, "pages": pages, "frames": frames}
    return built(SHOOT, sizes, "" if acked else "no_ack_wait")


def explorer_of(system: System, classes: Mapping[str, int] = NONE) -> Explorer:
    """The reference explorer of a system of rules; `classes` of objects are exchanged."""
    computed = {c.var for c in judged_cells(system.checks) if constant_index(c) is None}
    whole = Regions.of_parts([Part(None, rules=system.rules)]).whole | computed
    return Explorer(system, CodeCache(Layout(system.variables, whole)), classes)


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
