# SPDX-License-Identifier: GPL-2.0-only
"""Eager TLBs: instead of filling and forgetting at any time, hold at each moment all that can be.

Per CPU and address the set of translations that the CPU *may* hold.  Every operation is
followed at once by all fills that it makes possible; nothing is ever forgotten by itself.  Each
state of the any-time system then has an eager one with the same software state whose sets contain
the real ones, and each element is realisable: the CPU filled it then and kept it.

That is a proof only under conditions, which `require_eager` checks on the system:

1. nothing that software does depends on a cache: no guard, no index, no value but that of a cache
   or of a ghost, which can only grow by a TLB or walk cache holding more;
2. an invariant can only become false by a set growing ("no CPU has an entry such that ...");
3. fills only add to sets, and have no checks, which nobody would look at.

A user access (`hw.tlb.store`) takes one element; a cast makes one store, since two could use
elements that no CPU held one after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from model.lang import expr as ex
from model.lang.errors import ModelError
from model.lang.expr import Apply, Cell, Expr
from model.lang.ir import Op, Rule, State, Storage, System, Update
from model.lang.sorts import Set

CACHES = frozenset({"Cpu.tlb", "Cpu.walk", "Cpu.issued", "Cpu.issued_walk"})
"""The variables that fills write."""

_BY_HARDWARE = "let user accesses and invalidations (model/hw/tlb.py) look at caches, nothing else"

_SMALL = "write what does not depend on caches, or a cache less what invalidations have announced"

GROWING = frozenset({"Cpu.tlb", "Cpu.walk"})


def is_fill(rule: Rule) -> bool:
    return rule.name.split()[0] in ("remember_table", "fill")


def eager(system: System) -> System:
    """The system without fill rules, every operation closed under them.

    ModelError when one of the conditions does not hold.
    """
    fills = tuple(r.op for r in system.rules if is_fill(r))
    rest = replace(system, rules=tuple(r for r in system.rules if not is_fill(r)))
    require_eager(rest, fills)
    closing = Closure(fills)
    threads = tuple(
        t.with_edges(tuple(e.with_op(closing.after(e.op)) for e in t.edges)) for t in rest.threads
    )
    rules = tuple(replace(r, op=closing.after(r.op)) for r in rest.rules)
    return replace(rest, threads=threads, rules=rules)


def eager_initial(system: System, initial: State) -> State:
    """The initial state with every cache as full as it can be."""
    state = dict(initial)
    fills = [r.op for r in system.rules if is_fill(r)]
    changed = True
    while changed:
        changed = False
        for op in fills:
            if not ex.evaluate(op.guard, state.__getitem__):
                continue
            for update in op.updates:
                assert isinstance(update.place, Cell)
                value = ex.evaluate(update.value, state.__getitem__)
                if state[update.place] != value:
                    state[update.place] = value
                    changed = True
    return state


class Closure:
    """Follows an operation by the fills that it makes possible."""

    def __init__(self, fills: tuple[Op, ...]) -> None:
        self._fills = [(op, _cells(op)) for op in fills]
        self._watched = frozenset(c.var for _, cells in self._fills for c in cells)

    def after(self, op: Op) -> Op:
        """The operation and, in the same instant, every fill that its writes allow."""
        written = {u.place.var for u in op.updates if isinstance(u.place, Cell)}
        if not written & self._watched:
            return op
        post: dict[Cell, Expr] = {u.place: u.value for u in op.updates if isinstance(u.place, Cell)}
        for fill, cells in self._fills:
            if not written.isdisjoint(c.var for c in cells) and self._follow(post, fill, cells):
                written.update(u.place.var for u in fill.updates if isinstance(u.place, Cell))
        others = tuple(u for u in op.updates if not isinstance(u.place, Cell))
        updates = (*(Update(p, v) for p, v in post.items()), *others)
        return op.doing(op.guard, updates, op.checks)

    def _follow(self, post: dict[Cell, Expr], fill: Op, cells: tuple[Cell, ...]) -> bool:
        """A fill after the writes so far, where it reads something that was written; False if it
        reads nothing that was."""
        same = {c: [p for p in post if p.var == c.var] for c in cells}
        hits = [(c, p, _same(c, p)) for c, ps in same.items() for p in ps]
        hits = [(c, p, cond) for c, p, cond in hits if cond is not ex.FALSE]
        if not hits:
            return False
        read = {c for c, _, _ in hits}
        only = hits[0] if len(hits) == 1 else None

        def after(e: Expr) -> Expr | None:
            if not isinstance(e, Cell) or e not in read:
                return None
            if only is not None:
                return post[only[1]]  # judged only where it is the place that was written
            value: Expr = e
            for c, p, cond in hits:
                if c is e:
                    value = ex.ite(cond, post[p], value)
            return value

        memo: dict[Expr, Expr] = {}
        touched = ex.or_(*(cond for _, _, cond in hits))
        enabled = ex.and_(touched, ex.substitute(fill.guard, after, memo))
        for update in fill.updates:
            assert isinstance(update.place, Cell)
            old = _held(post, update.place)
            value = ex.substitute(update.value, after, memo)
            new = ex.ite(enabled, value, old)
            if new is not old:
                _assign(post, update.place, new)
        return True


def _held(post: dict[Cell, Expr], place: Cell) -> Expr:
    """What a place holds after the writes so far, one of which may be to it by another index."""
    if place in post:
        return post[place]
    value: Expr = place
    for other, new in post.items():
        if other.var == place.var:
            value = ex.ite(_same(other, place), new, value)
    return value


def _assign(post: dict[Cell, Expr], place: Cell, value: Expr) -> None:
    """One more write; places that may be the same agree on what they hold."""
    for other, held in post.items():
        if other is not place and other.var == place.var:
            post[other] = ex.ite(_same(other, place), value, held)
    post[place] = value


@functools.lru_cache(10_000)
def _same(one: Cell, two: Cell) -> Expr:
    return ex.and_(*(ex.eq(a, b) for a, b in zip(one.index, two.index, strict=True)))


def _cells(op: Op) -> tuple[Cell, ...]:
    """The cells that an operation reads, always in the same order."""
    return tuple(sorted((c for c in op.reads if isinstance(c, Cell)), key=ex.show))


# -- conditions -----------------------------------------------------------------------------------


def require_eager(system: System, fills: Iterable[Op]) -> None:
    """Check the conditions under which eager sets decide what the any-time system does."""
    for op in fills:
        if op.checks:
            raise _broken("a fill has a check", op.checks[0].invariant)
        for update in op.updates:
            if not isinstance(update.place.sort, Set):
                raise _broken("a fill writes something that is no set", ex.show(update.place))
    storage = {v.name: v.storage for v in system.variables}
    growing = GROWING | _growing_ghosts(system, storage)
    judged: list[tuple[str, Expr]] = [
        (c.invariant, c.cond) for c in (*system.checks, *system.finals)
    ]
    for op in system.ops():
        judged += [(c.invariant, c.cond) for c in op.checks]
    for name, cond in judged:
        if not antitone(cond, growing):
            raise _broken("an invariant can become true by a TLB holding more", name)


def _growing_ghosts(system: System, storage: dict[str, Storage]) -> frozenset[str]:
    """The ghosts that grow with the caches, also by way of others; ModelError if anything else
    depends on a cache or on such a ghost."""
    found = frozenset[str]()
    while True:
        more = found.union(*(
            _require_blind(edge.op, storage, CACHES | found, f"{thread.routine}: {edge.op.kind}")
            for thread in system.threads for edge in thread.edges
        ))  # fmt: skip
        if more == found:
            return found
        found = more


def _require_blind(
    op: Op, storage: dict[str, Storage], caches: frozenset[str], where: str
) -> frozenset[str]:
    """The ghosts that an operation makes grow with `caches`; ModelError if it makes anything else
    depend on them."""
    ghosts = set()
    seen = [op.guard]
    for update in op.updates:
        place = update.place
        if not isinstance(place, Cell):
            seen.append(update.value)
            continue
        seen += place.index
        if place.var in CACHES:
            if not _only_adds(update.value, GROWING):
                raise _broken(f"{place.var} may have less by another holding more", where, _SMALL)
            continue
        if not _depends(update.value, caches):
            continue
        if storage[place.var] is not Storage.GHOST or not _only_adds(update.value, caches):
            raise _broken(f"{place.var} depends on a cache", where, _BY_HARDWARE)
        ghosts.add(place.var)
    if any(_depends(part, caches) for part in seen):
        raise _broken("software depends on a cache", where, _BY_HARDWARE)
    return frozenset(ghosts)


def _depends(e: Expr, on: frozenset[str]) -> bool:
    """True if a value depends on variables of these names."""
    return not _variables(e).isdisjoint(on)


@functools.lru_cache(50_000)
def _variables(e: Expr) -> frozenset[str]:
    """The shared variables that a value depends on, by name."""
    return frozenset(leaf.var for leaf in ex.leaves(e) if isinstance(leaf, Cell))


def _broken(what: str, where: str, instead: str = "") -> ModelError:
    return ModelError(
        f"{what} ({where})", why="the eager TLB sets would not decide it",
        instead=instead or "say it of single entries: no CPU has an entry such that ...",
    )  # fmt: skip


def antitone(cond: Expr, growing: frozenset[str] = GROWING) -> bool:
    """True if growing a cache can only make the condition false, judged by its form; `growing` has
    the ghosts that grow with them, too."""
    return _moves(cond, growing, grows=False)


def _moves(e: Expr, growing: frozenset[str], *, grows: bool) -> bool:
    """True if the truth of `e` only falls (or, if `grows`, only rises) as caches grow."""
    if not _depends(e, growing):
        return True
    if not isinstance(e, Apply):
        return False
    if e.name == "not":
        return _moves(e.args[0], growing, grows=not grows)
    if e.name in ("and", "or"):
        return all(_moves(a, growing, grows=grows) for a in e.args)
    if e.name == "ite":
        test = not _depends(e.args[0], growing)
        return test and all(_moves(a, growing, grows=grows) for a in e.args[1:])
    if e.name == "has":
        return grows and _only_adds(e.args[0], growing) and not _depends(e.args[1], growing)
    if e.name == "eq" and isinstance(e.args[1], ex.Const) and e.args[1].value == 0:
        return not grows and _only_adds(e.args[0], growing)
    return False


def _only_adds(group: Expr, growing: frozenset[str]) -> bool:
    """True if a set expression grows with the caches in it."""
    if not _depends(group, growing):
        return True
    if isinstance(group, Cell):
        return not any(_depends(index, growing) for index in group.index)
    if isinstance(group, Apply) and group.name in ("inter", "union"):
        return all(_only_adds(a, growing) for a in group.args)
    if isinstance(group, Apply) and group.name == "diff":
        return not _depends(group.args[1], growing) and _only_adds(group.args[0], growing)
    if isinstance(group, Apply) and group.name == "ite":
        test, *arms = group.args
        return not _depends(test, growing) and all(_only_adds(a, growing) for a in arms)
    return False
