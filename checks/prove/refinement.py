# SPDX-License-Identifier: GPL-2.0-only
"""That a core is an abstraction of a model: every state of an enumerated system is one of the core,
and every step leads where an action of the core leads, or changes nothing that the core knows.

A step of the model may lack something of an action: a need that does not hold before it, an effect
that is left out.  Then the model is an instance of the core without that (`Core.without`), as long
as its states are of the invariant; whether the theorems still follow is for `prove` to say.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from model.lang.ir import State

from ..engine.prepared import Prepared
from .core import Action, Clause, Core, Theorem
from .decode import Decoder, Seen, Step, steps_from
from .instance import Frozen, Instance, Taken, Value


def _any_action(_: frozenset[str], __: str) -> bool:
    return True


@dataclass(frozen=True)
class Abstraction:
    """What of a model is what of a core: its objects by sort, the variables of the model that
    matter, and the value of each function."""

    objects: Mapping[str, tuple[str, ...]]
    variables: frozenset[str]
    values: Mapping[str, Callable[..., Value]]
    """Functions of a `Seen` and of arguments."""
    may_be: Callable[[frozenset[str], str], bool] = _any_action
    """Whether a call with these traits may be an action, where the states alone do not say."""
    actor: str = ""
    """The sort of who acts: an action with one as first parameter is only that one's step."""
    remembered: frozenset[str] = frozenset()
    """Functions that the model does not keep: their values are those that the invariant has."""


@dataclass(frozen=True)
class Disagreement:
    """A state or a step of the model that the core has not; `where` a step stands in the model."""

    what: str
    before: Frozen
    after: Frozen | None = None
    where: str = ""


@dataclass(frozen=True)
class Lacking:
    """A step of the model that is an action of the core, with these parameters, but for what it
    lacks: the names of needs and effects."""

    action: Action
    params: tuple[Any, ...]
    names: frozenset[str]
    before: Frozen
    after: Frozen
    where: str


@dataclass
class Agreement:
    """How much was compared, and what the model lacks, by the names of that."""

    states: int = 0
    steps: int = 0
    used: frozenset[str] = frozenset()
    """Actions of the core that some step was."""
    lacking: dict[frozenset[str], Lacking] = field(default_factory=dict)


class Comparison:
    """A core beside an abstraction of one system to it."""

    def __init__(self, core: Core, abstraction: Abstraction) -> None:
        self.core, self._to = core, abstraction
        self._of = Instance(core, abstraction.objects)
        self._g, self._places = self._of.logic, self._of.places
        self._broken: dict[Frozen, str] = {}
        self.agreement = Agreement()

    def state(self, seen: Seen) -> Frozen:
        """What a state of the model is in the core."""
        return tuple(
            tuple(self._to.values[name](seen, *args) for args in places)
            for name, places in self._places.items()
        )

    def compare(
        self, explorer: Prepared, initial: State, states: Iterable[int]
    ) -> Disagreement | None:
        """Look at states of a system, nearest first, and at the steps from them; the first that
        does not agree.  What comes after a step that lacks something is not looked at, once it is
        no state of the invariant."""
        decode = Decoder(explorer, initial)
        mask = decode.mask(self._to.variables)
        frozen: dict[tuple[int, frozenset[str]], Frozen] = {}
        known: set[tuple[Frozen, Frozen, frozenset[str], str]] = set()
        used: set[str] = set()

        def here(packed: int) -> Frozen:
            key = packed & mask, decode.ended(packed)
            if key not in frozen:
                frozen[key] = self.state(decode(*key))
            return frozen[key]

        first = here(explorer.pack(initial))
        if not self.core.initial(self._g, self._of.view(first)):
            return Disagreement("the first state is no first state of the core", first)
        for packed in states:
            one = here(packed)
            broken = self._judged(one)
            if broken:
                if self.agreement.lacking:
                    continue
                return Disagreement(f"clause {broken} does not hold", one)
            for step in steps_from(explorer, packed, mask):
                two = here(step.after)
                seen = one, two, step.traits, step.who
                if one == two or seen in known:
                    continue
                known.add(seen)
                self.agreement.steps += 1
                actions = self._between(one, two, step)
                if actions is None:
                    lacking = self._nearly(one, two, step)
                    if lacking is None:
                        what = "no action of the core is this step"
                        return Disagreement(what, one, two, step.where())
                    self.agreement.lacking.setdefault(lacking.names, lacking)
                    actions = {lacking.action.name}
                used |= actions
        self.agreement.used = frozenset(used)
        return None

    def differences(
        self, before: Frozen, after: Frozen | None
    ) -> Iterator[tuple[str, tuple[Any, ...], Value, Value]]:
        """What is not none or false before or after: the function, its arguments, both values."""
        for (name, places), one, two in zip(
            self._places.items(), before, after or before, strict=True
        ):
            for place, old, new in zip(places, one, two, strict=True):
                if old or new:
                    yield name, place, old, new

    def counterexample(
        self, action: Action | None, clause: Clause | Theorem
    ) -> tuple[Frozen, tuple[Any, ...]] | None:
        """A state of the invariant that the model was seen in, and the parameters with which an
        action, of the core or of one without something, breaks a clause there; or, without an
        action, in which it does not hold.  First those from which the model took a step that lacks
        something."""
        for state, params in self._candidates(action):
            view = self._of.view(state)
            if action is None:
                if not clause.holds(self._g, view):
                    return state, ()
            elif action.guard(self._g, view, *params) and not clause.holds(
                self._g, action.after(self._g, view, *params)
            ):
                return state, params
        return None

    def _candidates(self, action: Action | None) -> Iterator[tuple[Frozen, tuple[Any, ...]]]:
        sorts = action.params if action is not None else ""
        for lacking in self.agreement.lacking.values():
            if lacking.action.params == sorts:
                yield lacking.before, lacking.params
        for state, broken in self._broken.items():
            if not broken:
                yield from ((state, params) for params in self._g.tuples(sorts))

    # -- steps -----------------------------------------------------------------------------------

    def _between(self, before: Frozen, after: Frozen, step: Step) -> set[str] | None:
        """The actions that a step is: one, or none, and then those by which relations fade."""
        known = self._of.after(before)
        own = self._may_be(known.get(after, ()), step)
        if own is not None:
            return {own}
        faded = self._faded(before, after)
        if faded is not None:
            return faded
        for state, taken in known.items():
            faded, own = self._faded(state, after), self._may_be(taken, step)
            if faded is not None and own is not None:
                return faded | {own}
        return None

    def _may_be(self, actions: Iterable[Taken], step: Step) -> str | None:
        """The first of these actions that a step may be."""
        return next((a.name for a, params in actions if self._is_of(step, a, params)), None)

    def _is_of(self, step: Step, action: Action, params: tuple[Any, ...]) -> bool:
        """Whether a step may be an action by who takes it, and by its call."""
        acts = self._to.actor and action.params.split()[0] == self._to.actor
        return self._to.may_be(step.traits, action.name) and (not acts or params[0] == step.who)

    def _nearly(self, before: Frozen, after: Frozen, step: Step) -> Lacking | None:
        """The step as an action that lacks as little as can be."""
        found: list[Lacking] = []
        view = self._of.view(before)
        for action in self.core.actions:
            for params in self._g.tuples(action.params):
                if not self._is_of(step, action, params):
                    continue
                needs = {n.name for n in action.needs if not n.holds(self._g, view, *params)}
                for effects in _subsets(e.name for e in action.effects):
                    lacks = frozenset(needs | effects)
                    as_done = action.without(lacks)
                    if not as_done.guard(self._g, view, *params):
                        continue
                    then = self._of.frozen(as_done.after(self._g, view, *params))
                    then = self._as_remembered(then, after)
                    if then == after or self._faded(then, after) is not None:
                        found.append(Lacking(action, params, lacks, before, after, step.where()))
        return min(found, key=lambda lacking: len(lacking.names), default=None)

    def _as_remembered(self, then: Frozen, after: Frozen) -> Frozen:
        """A state of the core, with what the model does not keep as in a state of the model: once
        a step lacks something, the invariant may have it otherwise."""
        return tuple(
            two if name in self._to.remembered else one
            for name, one, two in zip(self._places, then, after, strict=True)
        )

    def _faded(self, before: Frozen, after: Frozen) -> set[str] | None:
        """The actions by which relations fade from one state to another, if only that happens."""
        view, found = self._of.view(after), set()
        for (name, places), one, two in zip(self._places.items(), before, after, strict=True):
            if one == two:
                continue
            if name not in self.core.fades:
                return None
            action = self.core.action(self.core.fades[name])
            for place, had, has in zip(places, one, two, strict=True):
                if had != has and (has or not action.guard(self._g, view, *place)):
                    return None
            found.add(action.name)
        return found

    # -- states ----------------------------------------------------------------------------------

    def _judged(self, state: Frozen) -> str:
        """The first axiom or clause that does not hold in a state."""
        if state not in self._broken:
            view = self._of.view(state)
            wrong = (
                c.name for c in (*self.core.axioms, *self.core.clauses)
                if not c.holds(self._g, view)
            )  # fmt: skip
            self._broken[state] = next(wrong, "")
            self.agreement.states += not self._broken[state]
        return self._broken[state]


def _subsets(names: Iterable[str]) -> Iterator[frozenset[str]]:
    every = list(names)
    for size in range(len(every) + 1):
        yield from map(frozenset, itertools.combinations(every, size))
