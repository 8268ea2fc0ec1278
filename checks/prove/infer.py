# SPDX-License-Identifier: GPL-2.0-only
"""A missing clause, found from what fails without it.

An obligation that fails has a counterexample: a small state of the rest of the invariant.  Its
diagram is all that is true of its objects there.  A clause says of all objects that a few parts of
the diagram are never true together; the smallest that no state of sampled runs contradicts, that
holds at first and that every action keeps is taken, until nothing fails.  If a few parts of the
diagram do happen in the samples, a clause says that then some other object is as all samples have
it (`Some`).

The samples only steer: whatever is found is proved by the ordinary obligations, or is not said.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .clauses import SOME, Found, Part, Some, connected, diagram, namings, sort_of
from .core import Action, Clause, Core
from .instance import Frozen, Instance, Value
from .logic import Concrete
from .obligations import EFFORT, Prover, Result, Snapshot, UndecidedError

FORMS = (((1, 2, 3), False), ((1, 2, 3), True), ((4,), False))
"""How many parts of a diagram a clause may have, and whether some object makes an exception."""

_GUESS = EFFORT // 10
"""The same for a clause that is only tried."""

FIRST, NEAR = 3, 250
"""The samples: from so many first states of a size the nearest states."""


Step = tuple[Instance, Frozen, Frozen]
"""A step of the core: over which objects, the state before and the one after."""


@dataclass(frozen=True)
class Inferred:
    """What was found for a core without some clauses, and what is proved with it; or why not."""

    clauses: tuple[Clause, ...]
    seconds: float
    why: str = ""


def infer(core: Core, without: Sequence[str], seconds: float = 60) -> Inferred:
    """Clauses with which every obligation is proved again."""
    return _Inference(core, without, seconds).run()


class _OutOfTimeError(Exception):
    pass


class _Inference:
    def __init__(self, core: Core, without: Sequence[str], seconds: float) -> None:
        self._core, self._without = core, without
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._clauses: list[Clause] = []
        self._steps: list[Step] = []
        self._samples: dict[tuple[int, ...], list[tuple[Instance, list[Frozen]]]] = {}

    def run(self) -> Inferred:
        """Mend one obligation after the other."""
        why = ""
        try:
            while not why:
                failed = self._failed()
                if failed is None:
                    break
                found = self._mended(failed)
                if found is None:
                    why = "no clause of this form mends what fails"
                else:
                    self._clauses.append(found.clause(self._core))
        except _OutOfTimeError:
            why = "out of time"
        except UndecidedError as error:
            why = f"Z3 does not know: {error}"
        return Inferred(tuple(self._clauses), time.monotonic() - self._began, why)

    def _prover(self, effort: int = _GUESS) -> Prover:
        return Prover(self._core, effort=effort, without=self._without, more=self._clauses)

    def _failed(self) -> Snapshot | None:
        """A state in which an obligation fails; None if all are proved."""
        for proved in self._prover(EFFORT).run():
            self._on_time()
            if proved.result is Result.UNKNOWN:
                raise UndecidedError(proved.why)
            if proved.shot is not None:
                return proved.shot
        return None

    def _on_time(self) -> None:
        if time.monotonic() > self._until:
            raise _OutOfTimeError

    def _mended(self, shot: Snapshot) -> Found | None:
        """A clause that is false in a state, holds at first and is kept by every action."""
        samples = list(self._seen(shot))
        parts = list(diagram(self._core, shot))
        happened = _maximal(
            {mask for instance, states in samples for state in states
             for mask in self._masks(instance, state, parts, shot)}
        )  # fmt: skip
        for sizes, some in FORMS:
            for size in sizes:
                for picked in itertools.combinations(range(len(parts)), size):
                    self._on_time()
                    mask = sum(1 << n for n in picked)
                    premise = tuple(parts[n] for n in picked)
                    happens = any(mask & ~seen == 0 for seen in happened)
                    if happens is not some or not connected(self._core, premise):
                        continue
                    try:
                        found = (
                            self._with_some(premise, samples, shot) if some
                            else Found(premise) if self._broken(Found(premise)) is None else None
                        )  # fmt: skip
                    except UndecidedError:  # of this clause nothing is known: perhaps of another
                        continue
                    if found is not None:
                        return found
        return None

    # -- samples ---------------------------------------------------------------------------------

    def _seen(self, shot: Snapshot) -> Iterator[tuple[Instance, list[Frozen]]]:
        """States that runs of the core over so many objects, and at least two, reach."""
        sizes = tuple(max(2, len(shot.objects[sort])) for sort in self._core.sorts)
        if sizes not in self._samples:
            prover = Prover(self._core)
            found = []
            for first in prover.first_states(
                dict(zip(self._core.sorts, sizes, strict=True)), FIRST
            ):
                instance = Instance(self._core, first.objects)
                found.append((instance, list(instance.reached([first.state], NEAR))))
            self._samples[sizes] = found
        yield from self._samples[sizes]

    def _masks(
        self, instance: Instance, state: Frozen, parts: Sequence[Part], shot: Snapshot
    ) -> Iterator[int]:
        """For each way to name objects by those of the diagram, the parts that are true."""
        view = instance.view(state)
        for names in namings(shot.objects, instance.logic.objects):
            yield sum(
                1 << n for n, part in enumerate(parts)
                if part.holds(instance.logic, view, names, self._core)
            )  # fmt: skip

    # -- judging ---------------------------------------------------------------------------------

    def _broken(self, found: Found) -> Step | None:
        """A step that breaks a clause, both states the same if it is first; None if none does."""
        clause = found.clause(self._core)
        for instance, before, after in self._steps:
            begins = before is after or self._holds(clause, instance, before)
            if begins and not self._holds(clause, instance, after):
                return instance, before, after
        prover = self._prover()
        first = prover.begins_without(clause)
        if first is not None:
            return self._remembered(Instance(self._core, first.objects), first.state, first.state)
        for action in self._core.actions:
            self._on_time()
            shot = prover.breaks(action, clause)
            if shot is not None:
                instance = Instance(self._core, shot.objects)
                return self._remembered(instance, shot.state, _after(instance, action, shot))
        return None

    def _remembered(self, instance: Instance, before: Frozen, after: Frozen) -> Step:
        self._steps.append((instance, before, after))
        return self._steps[-1]

    def _holds(self, clause: Clause, instance: Instance, state: Frozen) -> bool:
        return bool(clause.holds(instance.logic, instance.view(state)))

    # -- some object -----------------------------------------------------------------------------

    def _with_some(
        self, premise: tuple[Part, ...], samples: Sequence[tuple[Instance, list[Frozen]]],
        shot: Snapshot,
    ) -> Found | None:  # fmt: skip
        """A clause by which there is an object where the premise holds, as in all samples."""
        names = sorted(set().union(*(p.variables(self._core) for p in premise)))
        for sort in self._core.sorts:
            vectors = list(_vectors(self._core, premise, names, sort, samples))
            some = _learned(self._core, sort, vectors) if vectors else None
            while some is not None and some.parts:
                self._on_time()
                found = Found(premise, some)
                clause = found.clause(self._core)
                if self._holds(clause, Instance(self._core, shot.objects), shot.state):
                    break  # it says nothing of what is to be ruled out
                broken = self._broken(found)
                if broken is None:
                    return found
                weaker = _weakened(self._core, premise, names, some, broken)
                some = weaker if weaker != some else None
        return None


def _after(instance: Instance, action: Action, shot: Snapshot) -> Frozen:
    return instance.frozen(action.after(instance.logic, instance.view(shot.state), *shot.params))


def _maximal(masks: set[int]) -> list[int]:
    kept: list[int] = []
    for mask in sorted(masks, key=lambda m: -m.bit_count()):
        if not any(mask & ~other == 0 for other in kept):
            kept.append(mask)
    return kept


# -- what an object has in all samples -------------------------------------------------------------

Vector = list[frozenset[Part]]
"""For each object of a sort, what is true of it where a premise holds."""


def _vectors(
    core: Core, premise: Sequence[Part], names: Sequence[str], sort: str,
    samples: Iterable[tuple[Instance, list[Frozen]]],
) -> Iterator[Vector]:  # fmt: skip
    wanted: dict[str, list[str]] = {}
    for name in names:
        wanted.setdefault(sort_of(core, name), []).append(name)
    for instance, states in samples:
        logic = instance.logic
        about = list(_about(core, names, sort, logic))
        for state in states:
            view = instance.view(state)
            for naming in namings(wanted, logic.objects):
                if all(p.holds(logic, view, naming, core) for p in premise):
                    yield [
                        frozenset(p for p in about
                                  if p.holds(logic, view, {**naming, SOME: one}, core))
                        for one in logic.objects[sort]
                    ]  # fmt: skip


def _about(core: Core, names: Sequence[str], sort: str, logic: Concrete) -> Iterator[Part]:  # noqa: ARG001
    """What may be said of some object of a sort and of the variables of a premise."""
    by_sort: dict[str, list[str]] = {s: [] for s in core.sorts}
    for name in names:
        by_sort[sort_of(core, name)].append(name)
    by_sort[sort].append(SOME)
    for name, function in core.functions.items():
        for args in itertools.product(*(by_sort[s] for s in function.args.split())):
            if function.value == "bool":
                values: Sequence[Value] = (True, False)
            elif function.value in core.enums:
                values = core.enums[function.value]
            else:
                values = by_sort[function.value]
            for value in values:
                if SOME in args or value == SOME:
                    yield Part(name, args, value)


def _learned(core: Core, sort: str, vectors: Sequence[Vector]) -> Some | None:
    """What some object has in every sample; cases by the word that it has, where there is one."""
    common: frozenset[Part] = frozenset()
    every = sorted(
        set().union(*(v for vector in vectors for v in vector)),
        key=lambda p: (p.value is False, p.function, p.args, str(p.value)),
    )
    for part in every:
        more = common | {part}
        if all(any(more <= v for v in vector) for vector in vectors):
            common = more
    if not common:
        return None
    chosen = [next(v for v in vector if common <= v) for vector in vectors]
    words = {
        part for v in chosen for part in v
        if core.functions[part.function].value in core.enums and part.args == (SOME,)
    }  # fmt: skip
    cases = tuple(
        frozenset.intersection(*(v for v in chosen if word in v)) - common
        for word in sorted(words, key=lambda p: str(p.value))
    )
    return Some(sort, common, cases or (frozenset(),))


def _weakened(
    core: Core, premise: Sequence[Part], names: Sequence[str], some: Some,
    broken: Step,
) -> Some:  # fmt: skip
    """Without what is not true of the object that comes nearest, after a step."""
    instance, _, after = broken
    logic, view = instance.logic, instance.view(after)
    wanted: dict[str, list[str]] = {}
    for name in names:
        wanted.setdefault(sort_of(core, name), []).append(name)
    for naming in namings(wanted, logic.objects):
        if not all(p.holds(logic, view, naming, core) for p in premise):
            continue
        if some.holds(logic, view, naming, core):
            continue
        wrong: list[list[Part]] = [
            [p for p in some.parts | case if not p.holds(logic, view, {**naming, SOME: one}, core)]
            for one in logic.objects[some.sort] for case in some.cases
        ]  # fmt: skip
        return some.without(sorted(wrong, key=len)[0]) if wrong else some
    return some
