# SPDX-License-Identifier: GPL-2.0-only
"""The answer to one question: cells by invariant, side and architecture, and traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from invariants.registry import Invariant
from model.cast.casts import Cast
from model.lang.errors import ModelError

from ..engine import interrupts
from ..engine.engines import Engine
from ..engine.interrupts import INTERRUPTED
from ..engine.search import Limits
from ..memory_order.errand import OrderErrand
from ..memory_order.ordering import Answer, Reader, Version
from ..mutate.played import require_edited
from ..play.cache import Verdicts
from ..play.cells import Cell, Reach, Verdict, falling_short, verdict
from ..play.executors import Elsewhere
from ..play.play import Branch, Outcome, Play, contradiction, model_errors, never_fired
from ..play.pool import Violated, Watch, play_all
from ..target.selection import chosen_casts, rank_of
from ..target.target import Side, Target
from ..target.tasks import decide, task_of
from ..trace.schedule import read_schedule
from ..trace.trace import Trace, carried_out, find_trace, with_earlier


@dataclass(frozen=True)
class Sample:
    """So many casts of several neighbours, drawn by chance; of one seed always the same."""

    casts: int
    seed: int = 1


@dataclass(frozen=True)
class Question:
    """A question about a target.

    `scenarios` are globs over names of casts (none for the default set, or, with `full`, the whole
    product); an exact name also finds casts of the assumed states, and any number of neighbours.
    With `sample` casts are drawn instead.  `named` are the invariants that are asked for by name.
    `jobs` is a number of processes, or the import path of a factory of executors.
    """

    target: Target
    archs: tuple[str, ...]
    chosen: tuple[Invariant, ...]
    scenarios: tuple[str, ...] = ()
    full: bool = False
    limits: Limits = field(default_factory=Limits)
    jobs: int | str = 0
    engine: Engine = Engine.AUTO
    cache: bool = True
    sample: Sample | None = None
    named: frozenset[str] = frozenset()
    quick: bool = False
    """Each neighbour alone from the main states: what else there is, is left out."""

    @property
    def narrowed(self) -> bool:
        """True if only some casts are asked about, which need not reach every premise."""
        return bool(self.scenarios) or self.sample is not None or self.quick


@dataclass(frozen=True)
class Column:
    """One side on one architecture."""

    side: Side
    arch: str
    casts: tuple[Cast, ...]
    outcomes: tuple[Outcome, ...]
    cells: tuple[Cell, ...]
    orders: tuple[Answer, ...]
    """What was looked at for memory ordering, if it was asked about."""

    @property
    def states(self) -> int:
        return sum(o.found.states for o in self.outcomes)

    @property
    def depth(self) -> int | None:
        """How deep a symbolic search went in every cast; None where states were visited."""
        depths = [o.found.depth for o in self.outcomes if o.found.depth is not None]
        return min(depths, default=None)


@dataclass(frozen=True)
class Missing:
    """A violation for which no trace could be made, and why."""

    cell: Cell
    why: str


@dataclass(frozen=True)
class Report:
    """The whole answer."""

    question: Question
    columns: tuple[Column, ...]
    traces: tuple[Trace, ...]
    missing: tuple[Missing, ...]
    contradictions: tuple[str, ...]
    """Faults that the tool found in itself: nothing else that it says may be relied on."""
    known: int
    """How many casts were decided by an earlier run."""
    uncached: str
    """Why nothing is kept for later runs, if so."""

    def of_side(self, side: Side) -> list[Column]:
        """The columns of a side, in the order of the architectures."""
        return [c for c in self.columns if c.side is side]

    @property
    def exit_code(self) -> int:
        """2 a model error or a fault of the tool, else 1 a violation on the selected side, else 3
        something that is not known, else 0."""
        rows = self.rows(self.question.target.selected)
        if self.contradictions or any(model_errors(c.outcomes) for c in self.columns):
            return 2
        if any(cell.verdict is Verdict.VIOLATED for row in rows for cell in row):
            return 1
        if self.question.quick:  # what is left out is not known
            return 3
        return 3 if any(map(self._unanswered, rows)) else 0

    def rows(self, side: Side) -> list[tuple[Cell, ...]]:
        """The cells of each invariant on a side, by architecture."""
        return list(zip(*(c.cells for c in self.of_side(side)), strict=True))

    def _unanswered(self, row: Sequence[Cell]) -> bool:
        """True if something about an invariant is not known that was to be."""
        asked = row[0].invariant.name in self.question.named
        if asked and all(cell.reach is Reach.NOWHERE for cell in row):
            return True
        kept = [c for c in row if asked or not (self.question.narrowed and c.reach is Reach.NEVER)]
        return any(c.verdict in (Verdict.UNKNOWN, Verdict.VACUOUS) for c in kept)

    @property
    def not_exercised(self) -> frozenset[str]:
        """Invariants that casts which were chosen do not reach anywhere, unless asked for by
        name."""
        if not self.question.narrowed:
            return frozenset()
        cells = [cell for column in self.columns for cell in column.cells]
        reached = {c.invariant.name for c in cells if c.reach is Reach.REACHED}
        return frozenset(c.invariant.name for c in cells) - reached - self.question.named

    def never_fired(self, side: Side) -> list[Branch]:
        """Branches of the routine under test that no cast took, on any architecture."""
        return never_fired(o for c in self.of_side(side) for o in c.outcomes)

    def never_fired_on(self, side: Side) -> dict[Branch, tuple[str, ...]]:
        """Other branches that no cast took on some architectures, with these."""
        nowhere = self.never_fired(side)
        found: dict[Branch, tuple[str, ...]] = {}
        for column in self.of_side(side):
            for branch in never_fired(column.outcomes):
                if branch not in nowhere:
                    found[branch] = (*found.get(branch, ()), column.arch)
        return found


def _casts(question: Question, kernel: str) -> list[Cast]:
    casts, sample = question.target.family.casts, question.sample
    if question.quick:
        return casts.quick(kernel)
    if sample is None:
        by_name: dict[str, Cast] = {}
        for scenario in question.scenarios or ("",):
            for cast in chosen_casts(casts, kernel, scenario, full=question.full):
                by_name.setdefault(cast.name, cast)
        return list(by_name.values())
    found = casts.sample(kernel, sample.casts, sample.seed)
    if not found:
        raise ModelError("--sample finds no casts", why="they have three neighbours or four, "
                         "and this patch has fewer in its kernel")  # fmt: skip
    return found


def plays_of(question: Question) -> list[Play]:
    """Every play of a question, side by side and architecture by architecture."""
    found = []
    for side in question.target.sides:
        casts = _casts(question, side.role.variant.neighbours_from)
        if not casts:
            raise ModelError(
                f"{question.target.family.name} has no casts",
                why="no initial state of its set fits into the pages and VMAs of one",
                instead="look at the `casts` of its FAMILY",
            )
        if side.role.edits:
            require_edited(side.role, casts)
        found += [Play(c, side.role, a) for a in question.archs for c in casts]
    return found


def answer(
    question: Question, watch: Watch | None = None, violated: Violated = lambda *_: None,
    notice: Callable[[str], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Decide a question; violations are told as they are found, and what goes wrong on the way and
    makes no difference to the answer."""
    plays = plays_of(question)
    verdicts = Verdicts(use=question.cache, engine=question.engine)
    judged = [i for i in question.chosen if i.kind != "text"]
    failed: list[str] = []
    errands = _order_errands(question, plays, verdicts)
    outcomes = play_all(
        plays if judged else [], judged, question.limits, jobs=_jobs(question, judged, notice),
        engine=question.engine, watch=watch, violated=violated, verdicts=verdicts,
        rank=rank_of(question.target), errands=list(errands.values()),
    )  # fmt: skip
    orders = _orders(errands, failed)
    columns = [
        _column(question, side, arch, plays, outcomes, orders)
        for side in question.target.sides
        for arch in question.archs
    ]
    selected = [c for c in columns if c.side is question.target.selected]
    traces, missing, untrue = _traces(selected, verdicts, question)
    columns = [_corrected(c, untrue) if c.side is question.target.selected else c for c in columns]
    failed += [f"{o.play.name}: {o.found.why}" for o in outcomes if o.found.contradicts]
    failed += [cell.reason for cell in untrue.values()]
    return Report(
        question, tuple(columns), tuple(traces), tuple(missing),
        tuple(dict.fromkeys(failed)), verdicts.known, verdicts.why,
    )  # fmt: skip


def _jobs(
    question: Question, judged: Sequence[Invariant], notice: Callable[[str], None]
) -> int | Elsewhere:
    if isinstance(question.jobs, int):
        return question.jobs
    task = task_of(question.target, judged, question.limits, question.engine)
    return Elsewhere(question.jobs, task, decide, notice)


def _column(
    question: Question, side: Side, arch: str, plays: Sequence[Play], outcomes: Sequence[Outcome],
    orders: Mapping[tuple[str, str], tuple[Cell, tuple[Answer, ...]]],
) -> Column:  # fmt: skip
    mine = [p for p in plays if p.role is side.role and p.arch == arch]
    here = tuple(o for o in outcomes if o.play.role is side.role and o.play.arch == arch)
    order, answers = orders.get((side.label, arch), (None, ()))
    beside = [o for o in outcomes if o.play.role is not side.role and o.play.arch == arch]
    failing = falling_short(here, beside, everywhere=not question.narrowed)
    cells = [
        order if order is not None and order.invariant is i else verdict(i, here, failing)
        for i in question.chosen
    ]
    return Column(side, arch, tuple(p.cast for p in mine), here, tuple(cells), answers)


def _corrected(column: Column, cells: Mapping[tuple[str, str], Cell]) -> Column:
    corrected = (cells.get((column.arch, cell.invariant.name), cell) for cell in column.cells)
    return replace(column, cells=tuple(corrected))


def _order_errands(
    question: Question, plays: Sequence[Play], verdicts: Verdicts
) -> dict[tuple[str, str], OrderErrand]:
    """Whether sequential consistency is enough, by side and architecture, if that is asked."""
    reader, target = Reader(verdicts, question.target.family.casts), question.target
    before, until = Version.before(target), question.limits.until
    return {
        (side.label, arch): OrderErrand(
            invariant, reader, [p for p in plays if p.role is side.role and p.arch == arch],
            until, before if side is target.selected else None,
        )
        for invariant in question.chosen if invariant.kind == "text"
        for side in question.target.sides
        for arch in question.archs
    }  # fmt: skip


def _orders(
    errands: Mapping[tuple[str, str], OrderErrand], failed: list[str]
) -> dict[tuple[str, str], tuple[Cell, tuple[Answer, ...]]]:
    found = {}
    for (label, arch), errand in errands.items():
        found[label, arch] = errand.found()
        if errand.failed:
            failed.append(f"{errand.invariant.name}, {label}, {arch}: {errand.failed}")
    return found


def _traces(
    columns: Sequence[Column], verdicts: Verdicts, question: Question
) -> tuple[list[Trace], list[Missing], dict[tuple[str, str], Cell]]:
    """A trace for each invariant that the selected side violates, on the first architecture; and
    by architecture and invariant what takes the place of a violation that cannot be shown."""
    traces: list[Trace] = []
    missing: list[Missing] = []
    untrue: dict[tuple[str, str], Cell] = {}
    told: set[str] = set()
    for column in columns:
        for cell in column.cells:
            name = cell.invariant.name
            if cell.verdict is not Verdict.VIOLATED or name in told:
                continue
            play = cell.worst[0].play
            if interrupts.noticed():
                told.add(name)
                missing.append(Missing(cell, INTERRUPTED))
                continue
            try:
                trace = trace_of(play, cell.invariant, verdicts, question.limits, question.engine)
            except MemoryError:
                trace = None
            except KeyboardInterrupt:
                interrupts.notice()
                trace = None
            except Exception as error:  # it was found, and it cannot be found
                if interrupts.noticed():
                    told.add(name)
                    missing.append(Missing(cell, INTERRUPTED))
                    continue
                reason = f"{play.name}: {contradiction(error)}"
                unknown = replace(cell, verdict=Verdict.UNKNOWN, reason=reason)
                untrue[column.arch, name] = unknown
                continue
            told.add(name)
            if trace is None:
                missing.append(Missing(cell, "the search for one stopped at a limit"))
            else:
                traces.append(trace)
    return _in_order(traces, columns), missing, untrue


def _in_order(traces: list[Trace], columns: Sequence[Column]) -> list[Trace]:
    """The traces, the shortest first; those in whose run another of these invariants has failed
    before come after all others, for they may follow from that.

    Of a run that the tool cannot look at so (an interrupt, a limit of memory) nothing is said.
    """
    if len(traces) < 2 or interrupts.noticed():
        return traces
    failing = [c.invariant for column in columns for c in column.cells
               if c.verdict is Verdict.VIOLATED]  # fmt: skip
    asked = list({i.name: i for i in failing}.values())
    try:
        traces = [with_earlier(trace, asked) for trace in traces]
    except (KeyboardInterrupt, MemoryError):
        interrupts.notice()
    return sorted(traces, key=lambda t: (bool(t.after), t.statements))


def trace_of(
    play: Play, invariant: Invariant, verdicts: Verdicts, limits: Limits,
    engine: Engine = Engine.AUTO,
) -> Trace | None:  # fmt: skip
    """The trace of a violation, carried out again if its schedule is known."""
    known = verdicts.schedule(play, invariant)
    if known is not None:
        line, states, fewest = known
        ticks = read_schedule(line).ticks
        again = carried_out(play, invariant, ticks, states, fewest=fewest)
        if again is not None:
            return again
    trace = find_trace(play, invariant, limits, engine)
    if trace is not None:
        verdicts.keep_schedule(play, invariant, (trace.schedule, trace.states, trace.fewest))
    return trace
