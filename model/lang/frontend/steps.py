# SPDX-License-Identifier: GPL-2.0-only
"""Steps and rules: one body, one operation, with what it touches and how that is ordered."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .. import expr as ex
from .. import runtime
from ..declare import ModelFunction
from ..errors import ModelError, near
from ..expr import Cell, Const, Expr
from ..ir import Access, Call, Kind, Op, Storage
from ..order import BARRIERS, Ordered, success_conditions
from ..sorts import Int
from ..traits import Trait
from . import values as va
from .body import Body
from .source import Context, parameters
from .values import Value


@dataclass(frozen=True)
class CompiledStep:
    op: Op
    call: Call
    result: Value


def step_of(ctx: Context, fn: ModelFunction[..., Any], args: list[Value]) -> CompiledStep:
    """The operation that a call of a step is for the thread that is compiled, made once."""
    try:
        key = runtime.current(), ctx.memory_model, fn, va.exactly(tuple(args))
    except va.Inexact:
        return compile_step(ctx, fn, args)
    done: CompiledStep = ctx.steps.get(key, ctx, partial(compile_step, ctx, fn, args))
    return done


def compile_step(ctx: Context, fn: ModelFunction[..., Any], args: list[Value]) -> CompiledStep:
    """The operation that a call of a step is."""
    body = Body(ctx, fn, args).run()
    storage = ctx.storage()
    read = _read(body, storage)
    memory = [
        c for c in body.seen
        if c in read and storage[c.var] in (Storage.MEMORY, Storage.LOCK)
    ]  # fmt: skip
    written = [c for c in body.writes if storage[c.var] in (Storage.MEMORY, Storage.LOCK)]
    places = list(dict.fromkeys([*memory, *written]))
    words = {(c.index if storage[c.var] is Storage.LOCK else c) for c in places}
    where = body.where(body.tree)
    if len(words) > 1 and not fn.several:
        names = ", ".join(ex.show(p) for p in places)
        raise ModelError(
            f"{fn.name} touches {names}", where=where, why="a step is one access to memory",
            instead="split it, or say @step(several='why that is one action')",
        )  # fmt: skip
    if Trait.GHOST in fn.traits and written:
        raise ModelError(
            f"{fn.name} writes {ex.show(written[0])}", where=where,
            why="it is said to be about ghosts alone, so that no lock is asked for",
            instead="leave the trait 'ghost' out",
        )  # fmt: skip
    _refuse_ghost_reads(fn, body, storage, where)
    kind = _kind(fn, body, memory, written)
    op = Op(kind, body.guard, body.updates(), tuple(body.checks), note=fn.barrier)
    if places and Trait.RULE not in fn.traits:
        order = _order(ctx, fn, op, storage, where)
        failure = order.failure or order.success
        op = replace(op, access=Access(places[0], order.success, failure, body.result is not None))
    return CompiledStep(op, call_of(ctx, fn, args, body.foreign), body.result)


def _effects(body: Body, storage: Mapping[str, Storage]) -> list[Expr]:
    """Expressions of what the step does: its guard, its result, what it writes besides ghosts."""
    written = [u for u in body.updates() if storage[u.place.var] is not Storage.GHOST]  # type: ignore[union-attr]
    places = [i for u in written if isinstance(u.place, Cell) for i in u.place.index]
    return [body.guard, *(u.value for u in written), *places, *va.expressions(body.result)]


def _read(body: Body, storage: Mapping[str, Storage]) -> set[Cell]:
    """The cells that what the step does depends on; what is read for ghosts and checks alone is no
    access of the step."""
    return {c for e in _effects(body, storage) for c in ex.leaves(e) if isinstance(c, Cell)}


def _kind(fn: ModelFunction[..., Any], body: Body, memory: list[Cell], written: list[Cell]) -> Kind:
    if fn.barrier:
        return Kind.BARRIER
    if written:
        return Kind.RMW if memory or body.guard is not ex.TRUE else Kind.STORE
    return Kind.LOAD if memory else Kind.PRIMITIVE


def _refuse_ghost_reads(
    fn: ModelFunction[..., Any], body: Body, storage: Mapping[str, Storage], where: str
) -> None:
    """What runs must not depend on what only invariants know, nor software on a TLB."""
    for part in _effects(body, storage):
        for leaf in ex.leaves(part):
            if isinstance(leaf, Cell) and storage[leaf.var] is Storage.GHOST:
                raise ModelError(
                    f"{fn.name} depends on {leaf.var}", where=where,
                    why="it is a ghost, kept for invariants only",
                    instead="use a field of memory, or make the result a ghost too",
                )  # fmt: skip


def _order(
    ctx: Context, fn: ModelFunction[..., Any], op: Op, storage: Mapping[str, Storage], where: str
) -> Ordered:
    """How a step that touches memory is ordered; refused where it does not say."""
    if not fn.orders:
        raise ModelError(
            f"{fn.name} says no memory order", where=where, why="it touches memory",
            instead="look it up in the kernel's source and say @step(order=...)",
        )  # fmt: skip
    if ctx.memory_model not in fn.orders:
        raise ModelError(
            f"no memory model '{ctx.memory_model}'", where=where,
            why=f"it says how {fn.name} is ordered", instead=near(ctx.memory_model, fn.orders),
        )  # fmt: skip
    order = fn.orders[ctx.memory_model]
    words = {v for v, kind in storage.items() if kind in (Storage.MEMORY, Storage.LOCK)}
    if order.success in BARRIERS and not order.failure and success_conditions(op, words):
        raise ModelError(
            f"{fn.name} does not say how it is ordered when it fails", where=where,
            why=f"it is {order.success} where it writes, and may write nothing",
            instead="say @step(order=orders(...)), which has both for each memory model",
        )  # fmt: skip
    return order


def call_of(
    ctx: Context, fn: ModelFunction[..., Any], args: list[Value],
    more: frozenset[Trait] = frozenset(),
) -> Call:  # fmt: skip
    """A call as traces show it: only arguments that the modelling language can hold, a number by
    the names that the annotation of its parameter gives to it; with the step's traits, and more."""
    hints = ctx.hints(fn)
    names = [a.arg for a in parameters(ctx.tree(fn)[1])]
    shown = []
    for name, value in zip(names, args, strict=False):
        try:
            shown.append((name, _named(ctx, hints.get(name), va.lift(ctx.world, value))))
        except (va.NotLiftable, TypeError, ValueError):
            continue
    return Call(fn.name, tuple(shown), fn.traits | more)


def _named(ctx: Context, hint: Any, value: Expr) -> Expr:
    """A number of a parameter whose annotation bounds it (`Addr`), as one of that sort."""
    if typing.get_origin(hint) is not typing.Annotated or not isinstance(value, Const):
        return value
    sort = ctx.world.sort(hint)
    if isinstance(sort, Int) and isinstance(value.sort, Int) and sort.lo <= value.value <= sort.hi:
        return ex.const(value.value, sort)
    return value
