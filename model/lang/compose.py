# SPDX-License-Identifier: GPL-2.0-only
"""Putting a system together: threads and rules over the objects of one world."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import expr as ex
from .declare import ModelFunction
from .errors import ModelError
from .frontend.routine import compile_thread
from .frontend.source import Context, Kept
from .frontend.steps import compile_step
from .ir import Rule, Site, System, Thread
from .objects import Kobject, Snapshot
from .sorts import Int, Rec


@dataclass(frozen=True)
class Invocation:
    """A thread to be: who runs it, which routine, and its arguments."""

    thread: Kobject
    fn: ModelFunction[..., Any]
    args: tuple[Any, ...] = ()


def threads(ctx: Context, calls: Sequence[Invocation]) -> tuple[Thread, ...]:
    """The graphs of several invocations."""
    return tuple(compile_thread(ctx, c.thread, c.fn, list(c.args)) for c in calls)


_THREADS = 100
"""Compiled threads that are kept: a family has about ten for each side and architecture."""


class Compiled:
    """Threads that were compiled before: a neighbour that a variant does not touch is compiled once
    for all."""

    def __init__(self) -> None:
        self._kept: Kept[Thread] = Kept(_THREADS)

    def thread(self, key: object, ctx: Context, call: Invocation) -> Thread:
        """The thread of an invocation; `key` says all else that it depends on: the world, the
        invocation and the memory orders."""
        fresh = replace(ctx, asked=set())
        return self._kept.get(key, fresh, lambda: threads(fresh, [call])[0])


def rules(ctx: Context, functions: Sequence[ModelFunction[..., Any]]) -> tuple[Rule, ...]:
    """Each rule for every choice of its arguments; what can never fire is left out."""
    return tuple(rule for fn in functions for rule in _instances(ctx, fn))


def _instances(ctx: Context, fn: ModelFunction[..., Any]) -> Iterator[Rule]:
    file, tree = ctx.tree(fn)
    hints = ctx.hints(fn)
    names = [a.arg for a in tree.args.args]
    where = f"{file}:{tree.lineno}:{tree.col_offset}"
    for args in itertools.product(*(_choices(ctx, hints.get(n), n, where) for n in names)):
        done = compile_step(ctx, fn, list(args))
        if done.op.guard is ex.FALSE:
            continue
        label = " ".join([fn.name, *(str(getattr(a, "name", a)) for a in args)])
        site = Site(file, tree.lineno, tree.col_offset, fn.name)
        yield Rule(label, done.op, fn.hardware, site)


def _choices(ctx: Context, hint: Any, name: str, where: str) -> Sequence[Any]:
    if isinstance(hint, type) and issubclass(hint, Kobject):
        return ctx.world.all(hint)
    try:
        sort = ctx.world.sort(hint)
    except TypeError:
        sort = None
    if isinstance(sort, Int):
        return range(sort.lo, sort.hi + 1)
    if isinstance(sort, Rec):
        return [ctx.world.decode(code, hint) for code in sort.codes()]
    raise ModelError(
        f"a rule cannot run over '{name}'", where=where,
        why="a rule fires for every choice of its arguments",
        instead="annotate it with a class of objects, a record or a bounded int",
    )  # fmt: skip


def system(
    ctx: Context, name: str, calls: Sequence[Invocation],
    functions: Sequence[ModelFunction[..., Any]] = (),
) -> System:  # fmt: skip
    """Threads and rules together, without invariants."""
    return System(name, ctx.world.variables(), threads(ctx, calls), rules(ctx, functions))


def initial_state(ctx: Context) -> dict[ex.Expr, int]:
    """The cells of the state that the world's objects are in now."""
    return state_of(ctx, ctx.world.snapshot())


def state_of(ctx: Context, values: Snapshot) -> dict[ex.Expr, int]:
    """The cells of the state in which the world's objects hold these values."""
    state: dict[ex.Expr, int] = {}
    by_name = {v.name: v for v in ctx.world.variables()}
    for (var, index), value in values.items():
        spec = by_name[var]
        places = tuple(ex.const(i, s) for i, s in zip(index, spec.dims, strict=True))
        state[ex.cell(var, places, spec.sort)] = value
    return state
