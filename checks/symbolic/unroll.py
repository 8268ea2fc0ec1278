# SPDX-License-Identifier: GPL-2.0-only
"""Paths of a system from its first state, as constraints for Z3: one step longer at a time.

Only what may be there at a depth is written down: the edges of locations that a thread can have
reached by then, the fields that some step may have written.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .encode import RULE, Encoding, Field, Step, named
from .solver import Term, z3


@dataclass(frozen=True, eq=False)
class Taken:
    """A step that may be taken at a depth: whether it is, whether it can be, what its checks say,
    and what it leaves."""

    step: Step
    term: Term
    enabled: Term
    checks: tuple[Term, ...]
    writes: tuple[tuple[Field, Term], ...]


class Unrolling:
    """States 0 to `depth` of a path, in `solver`.

    `begin` writes down the steps that may come next, `keep` leaves those that are possible, and
    `end` carries one of them out.
    """

    def __init__(self, encoding: Encoding, solver: z3.Solver) -> None:
        self.encoding, self.solver = encoding, solver
        self.states: list[dict[Field, Term]] = [
            {f: f.held(f.initial) for f in encoding.fields}
        ]  # fmt: skip
        self.choices: list[list[Taken]] = []
        self._places = [{f.initial} for f in encoding.counters]
        self._names = [name for name, _ in encoding.wrong()]
        self._judged = Bundle([term for _, term in encoding.wrong()])
        self._bundles: dict[tuple[int, int], tuple[list[Step], Bundle]] = {}

    @property
    def depth(self) -> int:
        """How many steps the path has."""
        return len(self.states) - 1

    def wrong(self) -> list[tuple[str, Term]]:
        """What may be wrong with the last state."""
        return list(zip(self._names, self._judged.where(self.states[-1]), strict=True))

    def begin(self) -> list[Taken]:
        """The steps that may be taken in the last state, by the places where threads can be and as
        far as guards are known to be false."""
        found = [
            taken for thread, source in self.encoding.places()
            if thread == RULE or source in self._places[thread]
            for taken in self._may_be_taken(*self._leaving(thread, source))
        ]  # fmt: skip
        self._at_most_one([t.term for t in found])
        self.choices.append(found)
        return found

    def keep(self, possible: Sequence[Taken]) -> None:
        """Of the steps that may be taken these are all that can."""
        for taken in self.choices[-1]:
            if taken not in possible:
                self.solver.add(z3.Not(taken.term))
        self.choices[-1] = list(possible)

    def end(self) -> None:
        """One step is carried out; nothing that ends all fails at it, and it changes something."""
        chosen, now = self.choices[-1], self.states[-1]
        self.solver.add(z3.Or(*(t.term for t in chosen)))
        writers: dict[Field, list[Term]] = {}
        for taken in chosen:
            for field, _ in taken.writes:
                writers.setdefault(field, []).append(taken.term)
        then = dict(now)
        for field in writers:
            then[field] = named(f"{self.depth + 1}: {field.name}", field.sort)
        for taken in chosen:
            checks = zip(taken.step.checks, taken.checks, strict=True)
            happens = [holds for (check, _), holds in checks if check.halts]
            happens += [then[field] == value for field, value in taken.writes]
            if taken.step.source == taken.step.target:
                happens.append(z3.Or(*(then[f] != now[f] for f, _ in taken.writes)))
            self.solver.add(z3.Implies(taken.term, z3.And(*happens)))
        for field, terms in writers.items():
            self._stays(now[field], then[field], terms)
        self._move(chosen)
        self.states.append(then)

    def differ(self, one: int, two: int) -> None:
        """Two states of the path are not the same."""
        before, after = self.states[one], self.states[two]
        changed = (f for f in self.encoding.fields if before[f] is not after[f])
        self.solver.add(z3.Or(*(before[f] != after[f] for f in changed)))

    def _stays(self, now: Term, then: Term, writers: Sequence[Term]) -> None:
        """A field stays as it is if nobody writes it."""
        self.solver.add(z3.Or(*writers, then == now))

    def _leaving(self, thread: int, source: int) -> tuple[list[Step], Bundle]:
        if (thread, source) not in self._bundles:
            steps = self.encoding.leaving(thread, source)
            bundle = Bundle(part for step in steps for part in _parts(step))
            self._bundles[thread, source] = steps, bundle
        return self._bundles[thread, source]

    def _may_be_taken(self, steps: Sequence[Step], bundle: Bundle) -> Iterator[Taken]:
        parts = iter(bundle.where(self.states[-1]))
        for step in steps:
            guard = next(parts)
            checks = tuple(itertools.islice(parts, len(step.checks)))
            after = tuple(itertools.islice(parts, len(step.writes)))
            if not z3.is_false(guard):
                enabled = z3.And(self._is_at(step), guard)
                term = z3.Bool(f"{self.depth}: {step.thread} {step.number}")
                self.solver.add(z3.Implies(term, enabled))
                writes = tuple(zip(step.writes, after, strict=True))
                yield Taken(step, term, enabled, checks, writes)

    # -- where threads can be --------------------------------------------------------------------

    def _is_at(self, step: Step) -> Term:
        if step.thread == RULE:
            return z3.BoolVal(True)
        return self.states[-1][self.encoding.counters[step.thread]] == step.source

    def _move(self, taken: Sequence[Taken]) -> None:
        alone = len({t.step.thread for t in taken}) == 1
        for n, places in enumerate(self._places):
            reached = {t.step.target for t in taken if t.step.thread == n}
            self._places[n] = reached if alone and reached else places | reached

    def _at_most_one(self, terms: Sequence[Term]) -> None:
        """Each sets the bits of its number."""
        for n, term in enumerate(terms):
            bits = (z3.Bool(f"{self.depth}: bit {k}") for k in range(len(terms).bit_length()))
            self.solver.add(z3.Implies(term, z3.And(*(
                bit if n >> k & 1 else z3.Not(bit) for k, bit in enumerate(bits)
            ))))  # fmt: skip


def _parts(step: Step) -> Iterator[Term]:
    yield step.guard
    yield from (holds for _, holds in step.checks)
    yield from step.writes.values()


class Bundle:
    """Terms about a state, of which all are put into another state at once."""

    def __init__(self, terms: Iterable[Term]) -> None:
        terms = list(terms)
        made = z3.Function("bundle", *(t.sort() for t in terms), z3.BoolSort())
        self._all = made(*terms) if terms else z3.BoolVal(True)

    def where(self, state: dict[Field, Term]) -> list[Term]:
        """The terms, with fields as they are in a state."""
        swaps = [(f.term, now) for f, now in state.items()]
        return list(z3.simplify(z3.substitute(self._all, *swaps)).children())
