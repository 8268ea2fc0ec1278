# SPDX-License-Identifier: GPL-2.0-only
"""A trace: the rows of a run, and what is to be said below them.  Rendering is elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from invariants.registry import Invariant
from model.lang.ir import Site
from model.lang.objects import World
from model.lang.sorts import Set

from ..engine.engines import Engine
from ..engine.search import DEADLOCK, Limits
from ..play.play import Play, Theatre
from ..reduce.reducer import Passes
from .changes import (
    LOCKS,
    Change,
    Place,
    Variables,
    Weight,
    changes,
    cpu,
    held_by,
    key,
    owner,
    shown,
    written,
    written_locks,
)
from .expand import UnfaithfulError, expand
from .later import flushes, next_flush
from .run import Done, Runner, Tick
from .schedule import read_schedule, write_schedule
from .shortest import RULE, Shortest
from .statements import Statements
from .visible import Statement, stated, statement
from .why import Explainer, Why, Writes

UNCHANGED = "TLBs unchanged"
LATER, WAITS = "  <- not reached yet", "  <- waits"

PASSES = [Passes(movers=m, apart=a) for a in (False, True) for m in (True, False)]
"""The passes by which `Theatre.play` may have found a violation."""

MOST_STATES = 1_000_000
"""Where the search for the shortest path gives up."""


@dataclass(frozen=True)
class Row:
    """One statement of a thread, or, with no site, something that hardware does.

    `text` is the call with what it was given; `changes` what it did, `writes` where, ghosts
    included; `begins` is its first tick.  Rows of a trace are numbered from 1.
    """

    thread: int
    text: str
    changes: tuple[Change, ...]
    site: Site | None = None
    writes: frozenset[Place] = frozenset()
    begins: int = 0
    number: int = 0

    @property
    def weight(self) -> Weight:
        return max((c.weight for c in self.changes), default=Weight.NOTHING)


@dataclass(frozen=True)
class Trace:
    """A run that breaks an invariant, with the fewest statements if it says so.

    `rows` end with the one that does, `why` says what is wrong then.  `pending` says where the
    other threads stand, `stale` what caches hold that no entry permits, `held` who holds what at
    the end.  `states` were visited to find it; 0 if it was carried out again.
    """

    invariant: Invariant
    play: Play
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    pending: tuple[Row, ...]
    stale: tuple[str, ...]
    held: tuple[str, ...]
    switches: int
    states: int
    fewest: bool
    schedule: str
    why: Why
    after: tuple[tuple[str, int], ...] = ()

    @property
    def statements(self) -> int:
        return sum(1 for r in self.rows if r.site is not None)

    @cached_property
    def deciding(self) -> frozenset[int]:
        """The numbers of the rows that write what the failing condition reads; of a lock word, the
        last one that does."""
        found: set[int] = set()
        for place in self.why.reads:
            rows = [r.number for r in self.rows if place in r.writes]
            found.update(rows[-1:] if place[0] in (*LOCKS, "Thread.rcu") else rows)
        return frozenset(found)


def find_trace(
    play: Play, invariant: Invariant, limits: Limits = Limits(), engine: Engine = Engine.AUTO
) -> Trace | None:
    """The trace of a violation; None if the search for it stopped at a limit.

    Where too many states would have to be visited to know the shortest one, it is the first that
    the explorer finds; and always where the engine visits no states.  UnfaithfulError if what the
    reduced system shows does not replay.
    """
    theatre = Theatre([invariant], engine)
    for passes in PASSES:  # as `Theatre.play`: passes may rest on what does not hold
        stage = theatre.stage(play, passes)
        shortest = Shortest(stage.explorer(play.cast, play.role), invariant.name)
        path = None
        if engine is not Engine.SYMBOLIC:
            path = shortest.find(stage.initial(play.cast), MOST_STATES)
        if path is None:
            search = theatre.search(play, stage, limits, goal=invariant.name)
            if search.why and invariant.name not in search.violations:
                return None
            path = shortest.along(search)
        if path.found:
            break
    else:
        raise UnfaithfulError(
            f"'{invariant.name}' is not violated when {play.name} is searched again"
        )
    runner = Runner(stage.raw_system(play.cast, play.role), stage.initial(play.cast, anytime=True))
    done = expand(runner, path.moves, invariant.name)
    return describe(play, invariant, stage.world, runner, done, path.states, fewest=path.fewest)


def carried_out(
    play: Play, invariant: Invariant, ticks: Sequence[Tick], states: int, *, fewest: bool = True
) -> Trace | None:
    """The trace of a violation whose ticks are known; None if they do not lead to it."""
    stage = Theatre([invariant]).stage(play)
    runner = Runner(stage.raw_system(play.cast, play.role), stage.initial(play.cast, anytime=True))
    done = runner.run(ticks)
    if not done or invariant.name not in runner.failures(done[-1]):
        return None
    return describe(play, invariant, stage.world, runner, done, states, fewest=fewest)


def with_earlier(trace: Trace, others: Sequence[Invariant]) -> Trace:
    """The trace with those of some other invariants that fail earlier in its run: what is broken
    then may follow from that."""
    play, asked = trace.play, [i for i in others if i.name != trace.invariant.name]
    stage = Theatre(asked).stage(play)
    runner = Runner(stage.raw_system(play.cast, play.role), stage.initial(play.cast, anytime=True))
    done = runner.run(read_schedule(trace.schedule).ticks) or []
    first: dict[str, int] = {}
    for tick, step in enumerate(done[:-1]):
        for name in runner.failures(step):
            first.setdefault(name, tick)
    names = {i.name for i in asked}
    rows = {name: max(r.number for r in trace.rows if r.begins <= tick)
            for name, tick in first.items() if name in names}  # fmt: skip
    return replace(trace, after=tuple(sorted(rows.items(), key=lambda item: item[1])))


def describe(
    play: Play, invariant: Invariant, world: World, runner: Runner, done: Sequence[Done],
    states: int, *, fewest: bool,
) -> Trace:  # fmt: skip
    """A run in rows."""
    known = {v.name: v for v in runner.system.variables}
    say = Statements(world)
    pending = _pending(runner, done, invariant, say)
    rows = _without_begun(_rows(done, known, say), pending)
    rows = [replace(row, number=n) for n, row in enumerate(rows, 1)]
    last = done[-1].after if done else runner.start
    threads = [r.thread for r in rows if r.thread != RULE]
    switches = sum(1 for a, b in itertools.pairwise(threads) if a != b)
    names = [t.name for t in runner.system.threads]
    explained = Explainer(world, play.arch, runner, done, invariant, say)
    writes = Writes([(r.number, cpu(names[r.thread]) if r.site else "", r.writes) for r in rows])
    held = [(cpu(n), held_by(last, n)) for n in names]
    stale = _stale(runner, done, rows) if invariant.group == "tlb" else []
    return Trace(
        invariant, play, tuple(rows),
        tuple(f"{cpu(t.name)} {t.routine}()" for t in runner.system.threads),
        tuple(pending), tuple(stale),
        tuple(f"{who} {what}" for who, what in held if what),
        switches, states, fewest, write_schedule(play, [d.tick for d in done]),
        explained.why(writes),
    )  # fmt: skip


# -- rows --------------------------------------------------------------------------------------


def _rows(done: Sequence[Done], known: Variables, say: Statements) -> list[Row]:
    groups: list[tuple[int, Tick, Statement | None, list[Done]]] = []
    for n, step in enumerate(done):
        what = None if step.tick.rule else stated(step.edges[-1])
        if groups and what is not None:
            _, tick, before, members = groups[-1]
            if before == what and tick.thread == step.tick.thread and not _again(members, step):
                members.append(step)
                continue
        groups.append((n, step.tick, what, [step]))
    rows = []
    locks = written_locks(step.after for step in done)
    for begins, tick, what, members in groups:
        first, last = members[0].before, members[-1].after
        changed = changes(first, last, known, locks, say.moved(last))
        where = written(first, last)
        if tick.rule:
            text = _hardware(tick.rule, changed)
            rows.append(Row(RULE, text, changed, None, where, begins))
            continue
        assert what is not None
        text = say.text(members[0], what)
        if not changed and any(flushes(m) for m in members):
            changed = (Change(UNCHANGED, Weight.STATE),)
        rows.append(Row(tick.thread, text, changed, what.site, where, begins))
    return rows


def _without_begun(rows: list[Row], pending: Sequence[Row]) -> list[Row]:
    """Without statements that have only begun and done nothing yet: they are still to come."""
    for row in pending:
        mine = [n for n, r in enumerate(rows) if r.thread == row.thread]
        if not mine:
            continue
        begun = rows[mine[-1]]
        idle = all(c.text == UNCHANGED for c in begun.changes)
        if idle and begun.site == row.site and row.text == begun.text + LATER:
            rows = [r for r in rows if r is not begun]
    return rows


def _again(members: Sequence[Done], step: Done) -> bool:
    """Whether a step begins its statement anew: the statement was carried out before."""
    return any(step.edges[-1] is d.edges[-1] for d in members)


def _hardware(rule: str, changed: Sequence[Change]) -> str:
    words = rule.split()
    who = words[1]
    where = changed[0].text.split()[1] if changed else ""
    match words[0]:
        case "fill":
            return f"[{who} walks {where}, fills its TLB]"
        case "set_accessed":
            return f"[{who} walks {where}: sets Accessed]"
        case "remember_table":
            return f"[{who} walks {words[2]}, keeps the pointer]"
        case "set_dirty":
            return f"[{who} stores: the walk sets Dirty]"
        case "store":
            return f"[{who} stores through its TLB]"
    return f"[{rule}]"


# -- below the rows ----------------------------------------------------------------------------


def _pending(
    runner: Runner, done: Sequence[Done], invariant: Invariant, say: Statements
) -> list[Row]:
    """Where the threads stand that are in the middle of something; for a stale translation, the
    flush that comes too late."""
    last = done[-1].after if done else runner.start
    failing = done[-1].tick.thread if done else RULE
    found = []
    for n, thread in enumerate(runner.system.threads):
        if last.pcs[n] in (thread.end, thread.entry):
            continue
        row = _flush_to_come(runner, done, n, say) if invariant.group == "tlb" else None
        if row is None and (n != failing or invariant.name == DEADLOCK):
            row = _next(runner, done, n, say)
        if row is not None:
            found.append(row)
    return found


def _next(runner: Runner, done: Sequence[Done], thread: int, say: Statements) -> Row | None:
    """The statement that a thread has not carried out yet, also if it has to wait there."""
    last = done[-1].after
    found = runner.stands_at(last, thread)
    what = statement(found[1]) if found is not None else None
    if found is None or what is None:
        return None
    at, edge, waits = found
    here = Done(Tick(thread), (edge,), last, at, at)
    mark = WAITS if waits else LATER
    return Row(thread, say.text(here, what) + mark, (), what.site)


def _flush_to_come(
    runner: Runner, done: Sequence[Done], thread: int, say: Statements
) -> Row | None:
    """The first flush of what a thread would do if it went on alone."""
    step = next_flush(runner, done[-1].after, thread)
    what = stated(step.edges[-1]) if step is not None else None
    if step is None or what is None:
        return None
    return Row(thread, say.text(step, what) + LATER, (), what.site)


def _stale(runner: Runner, done: Sequence[Done], rows: Sequence[Row]) -> list[str]:
    """Cached translations that the entry they came from does not permit."""
    last = done[-1].after if done else runner.start
    known = {v.name: v for v in runner.system.variables}
    entries: dict[str, set[str]] = {}
    for cell, value in last.cells.items():
        if cell.var == "Pte.val":
            entries.setdefault(owner(cell).rstrip("'"), set()).add(shown(cell.sort, value))
    free = {owner(c) for c, v in last.cells.items() if c.var == "Folio.free" and v}
    found = []
    for cell, value in last.cells.items():
        if cell.var != "Cpu.tlb" or not isinstance(cell.sort, Set):
            continue
        where = key(cell, known[cell.var])
        for code in cell.sort.elem.codes():
            text = shown(cell.sort.elem, code)
            if not value >> code & 1 or text in entries.get(where, set()):
                continue
            name = f"TLB{owner(cell).removeprefix('CPU')} {where} => {text}"
            state = " (FREE)" if text.split()[0] in free else ""
            found.append(name + state + _filled(rows, name))
    return found


def _filled(rows: Sequence[Row], change: str) -> str:
    """When a translation was cached, as the statement after it."""
    for n, row in enumerate(rows):
        if row.site is None and any(c.text == change for c in row.changes):
            after = next((r for r in rows[n:] if r.site is not None), None)
            return f"   filled before {after.text}" if after is not None else ""
    return ""
