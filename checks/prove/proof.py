# SPDX-License-Identifier: GPL-2.0-only
"""A core proved, and held against models: what becomes of each obligation and scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from model.lang.ir import State

from ..engine.reference import Explorer
from ..engine.search import Limits
from .core import Clause, Core, Theorem
from .infer import Inferred, infer
from .instance import Frozen, Value
from .obligations import Proved, Prover, Result
from .refinement import Abstraction, Agreement, Comparison, Disagreement


@dataclass(frozen=True)
class Compared:
    """A core beside one scenario; `why` if that was not visited to its end."""

    scenario: str
    states: int
    disagreement: Disagreement | None
    comparison: Comparison
    why: str

    @property
    def agreement(self) -> Agreement:
        return self.comparison.agreement


@dataclass(frozen=True)
class Shown:
    """An invariant that the explorer finds to fail, and the arguments of the command that shows
    it."""

    invariant: str
    arguments: tuple[str, ...]


Ask = Callable[[], tuple[Shown | None, int]]
"""Asks the explorer for a violation; and in how many scenarios it was looked for."""


@dataclass(frozen=True)
class Proof:
    """A core, and what became of it.

    Where the models lack something of the core, `core` is without that, and obligations are of it.
    `asked` are the invariants that say in the models what the theorems say of the core: where an
    obligation fails, the explorer looked for a violation of them in so many `plays`.
    """

    core: Core
    obligations: tuple[Proved, ...]
    impossible: tuple[str, ...]
    """Actions that the invariant rules out: what is proved of them is proved of nothing."""
    compared: tuple[Compared, ...]
    unseen: tuple[str, ...] = ()
    """Actions that the theorem is about, and that no step of the scenarios is."""
    asked: tuple[str, ...] = ()
    plays: int = 0
    shown: Shown | None = None

    @property
    def failed(self) -> list[Proved]:
        return [o for o in self.obligations if o.result is Result.FAILED]

    @property
    def lacking(self) -> frozenset[str]:
        """The needs and effects that some step of the models lacks."""
        return _lacking(self.compared)

    @property
    def verdict(self) -> str:
        """PROVED, FAILED or UNKNOWN."""
        if self.failed:
            return "FAILED"
        proved = all(o.result is Result.PROVED for o in self.obligations)
        agrees = all(c.disagreement is None and not c.why for c in self.compared)
        vacuous = self.impossible or self.unseen
        return "PROVED" if proved and agrees and not vacuous else "UNKNOWN"

    def reached(self, failed: Proved) -> tuple[Compared, Frozen, tuple[Value, ...]] | None:
        """A state of a model in which an obligation fails, and the parameters; before a step that
        lacks something, if there is one."""
        what, clause = failed.obligation.what, self._named(failed.obligation.clause)
        action = None if what in ("initial", "theorem") else self.core.action(what)
        for compared in sorted(self.compared, key=lambda c: not c.agreement.lacking):
            found = compared.comparison.counterexample(action, clause)
            if found is not None:
                return compared, *found
        return None

    def _named(self, clause: str) -> Clause | Theorem:
        both: tuple[Clause | Theorem, ...] = (*self.core.clauses, *self.core.theorems)
        return next(c for c in both if c.name == clause)


def _lacking(compared: Iterable[Compared]) -> frozenset[str]:
    return frozenset(name for c in compared for names in c.agreement.lacking for name in names)


def proof_of(
    core: Core, compared: tuple[Compared, ...], needed: frozenset[str], asked: tuple[str, ...],
    ask: Ask,
) -> Proof:  # fmt: skip
    """Discharge the obligations of a core, or of what the models make of it; `needed` actions must
    be seen in what it is compared with."""
    core = core.without(*_lacking(compared))
    prover = Prover(core)
    obligations = tuple(prover.run())
    impossible = tuple(a.name for a in core.actions if not prover.can_fire(a))
    seen = frozenset().union(*(c.agreement.used for c in compared))
    unseen = tuple(sorted(needed - seen))
    proof = Proof(core, obligations, impossible, compared, unseen, asked)
    if not proof.failed:
        return proof
    shown, plays = ask()
    return replace(proof, shown=shown, plays=plays)


def found_again(core: Core) -> Iterator[tuple[str, Inferred]]:
    """Each clause left out in turn, and what is found so that all is proved again."""
    for clause in core.clauses:
        yield clause.name, infer(core, [clause.name])


def compared_with(
    name: str, core: Core, abstraction: Callable[[Explorer, list[int]], Abstraction],
    explorer: Explorer, initial: State, limits: Limits,
) -> Compared:  # fmt: skip
    """Compare a core with one scenario, of which each state is visited first."""
    found = explorer.run(initial, limits)
    states = list(found.parents)
    comparison = Comparison(core, abstraction(explorer, states))
    disagreement = comparison.compare(explorer, initial, states)
    return Compared(name, len(states), disagreement, comparison, found.why)
