# SPDX-License-Identifier: GPL-2.0-only
"""The registry of invariants, applied to every patch.

An invariant is one sentence and one expression in the modelling language.  It is about every
state (`invariant`), about a step as it is taken (`at_step`), or about the end, when every thread
has returned (`at_end`).  Beside it are declared who relies on it, a witness (a step without which
it had nothing to say) and the mutants that break it, which the tests make.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from model.cast.view import View
from model.lang.declare import ModelFunction, pure
from model.lang.errors import ModelError, near, shown_path

from .words import asked_of, known, steps_of

GROUPS = {
    "tlb": "stale translations",
    "locking": "deadlock, order, balance, sleeping, fields under their locks",
    "rmap": "the reverse map finds what the page table maps",
    "lifetime": "nothing is used after it is freed, references balance",
    "pins": "pinned and exclusive pages",
    "pte_bits": "bits of entries",
    "results": "what a call returns",
    "own": "of a file of one's own",
    "ordering": "what the architecture may take in another order",
    "progress": "every call ends under fairness",
    "cost": "flushes, interrupts and locks per call",
}
NOT_BUILT = ("progress", "cost")
"""Groups that no invariant is in yet; they are listed and count for nothing."""


FORMS = ("", "addr", "set", "by", "said")
"""Form in which a field of a sentence is shown; see `fields_of`."""


@dataclass(frozen=True)
class Premise:
    """A step without which an invariant had nothing to say: one of these, taken by a
    routine under test (`own`) or by anybody; `text` says it."""

    text: str
    steps: frozenset[str]
    own: bool


@dataclass(frozen=True)
class Invariant:
    """One invariant.

    `kind`: state, step, end, engine, or text for what is read off routines and not off states.
    `why` says what is wrong in a state that fails, `then` what follows from it for Linux: sentences
    with fields in braces, each an expression over the names of the condition (see `fields_of`).
    `steps`: for a step, the words of the calls at which it is judged (see `words`); `steady`, if it
    is not "", why other threads can only make it hold once its thread has come to the step.
    """

    name: str
    group: str
    sentence: str
    relied_on: str
    kind: str
    where: str
    premises: tuple[Premise, ...]
    mutants: tuple[str, ...]
    steps: frozenset[str] = frozenset()
    fn: ModelFunction[..., Any] | None = None
    steady: str = ""
    why: str = ""
    then: str = ""

    @property
    def witness(self) -> str:
        """The premises in words."""
        return "; ".join(p.text for p in self.premises)


REGISTRY: dict[str, Invariant] = {}

ASIDE: dict[str, Invariant] = {}
"""What is decided of the text of routines, beside what is decided of their states."""

Judge = Callable[..., bool]
Witness = tuple[str, str]
"""Words of steps, separated by spaces, one of which must have been taken; and what that means."""


def _premise(witness: Witness, where: str, *, own: bool = False) -> Premise:
    words, text = witness
    return Premise(text, known(words.split(), where), own)


def _place(fn: Judge) -> str:
    line = inspect.getsourcelines(fn)[1]
    return f"{shown_path(inspect.getsourcefile(fn) or '?')}:{line}"


def fields_of(sentence: str) -> list[tuple[str, str]]:
    """The fields of a sentence in order: an expression, and after a colon how it is shown.

    `addr` is a number that is an address; `set` says where what the expression reads was written
    last, `by` who wrote it there; `said` is a part of a sentence, with fields of its own.
    """
    parts = string.Formatter().parse(sentence)
    return [(field, form or "") for _, field, form, _ in parts if field is not None]


def _said(why: str, then: str, where: str) -> tuple[str, str]:
    """The two sentences; ModelError for a field that is no expression."""
    for field, form in (*fields_of(why), *fields_of(then)):
        try:
            compile(field, where, "eval")
        except SyntaxError:
            raise ModelError(
                f"'{field}' is no expression", where=where,
                why="a field of a sentence is one over the names of the condition",
            ) from None  # fmt: skip
        if form not in FORMS:
            raise ModelError(
                f"'{field}:{form}' is shown in no such way", where=where, instead=near(form, FORMS)
            )
    return why, then


def _register(
    fn: Judge, kind: str, sentence: str, relied_on: str, premises: Iterable[Premise],
    mutants: Iterable[str], said: tuple[str, str], steps: frozenset[str] = frozenset(),
    steady: str = "",
) -> ModelFunction[..., bool]:  # fmt: skip
    package, _, group = fn.__module__.rpartition(".")
    if package != __package__:
        group = "own"
    if fn.__name__ in REGISTRY and _place(fn) != REGISTRY[fn.__name__].where:
        there = REGISTRY[fn.__name__].where
        raise ModelError(
            f"there is an invariant '{fn.__name__}' already", where=_place(fn),
            why=f"it is at {there}", instead="give it another name",
        )  # fmt: skip
    judge = pure(fn)
    REGISTRY[fn.__name__] = Invariant(
        fn.__name__, group, sentence, relied_on, kind, _place(fn), tuple(premises),
        tuple(mutants), steps, judge, steady, *_said(*said, _place(fn)),
    )  # fmt: skip
    return judge


def invariant(
    sentence: str, *, relied_on: str, witness: Witness, mutants: Iterable[str], why: str = "",
    then: str = "",
) -> Callable[[Callable[[View], bool]], ModelFunction[..., bool]]:  # fmt: skip
    """Holds in every state: ``f(view)``."""
    return lambda fn: _register(
        fn, "state", sentence, relied_on, [_premise(witness, _place(fn))], mutants, (why, then)
    )


def at_step(
    steps: str, sentence: str, *, relied_on: str, mutants: Iterable[str],
    after: Witness | None = None, witness: Witness | None = None,
    others: Witness | None = None, steady: str = "", why: str = "", then: str = "",
) -> Callable[[Judge], ModelFunction[..., bool]]:  # fmt: skip
    """Holds whenever one of `steps` (words, separated by spaces) is taken, in the state before:
    ``f(view, thread, ...)``, further parameters being arguments of the step by name, or
    what it writes (`words.WRITTEN`).  One with a default has it where a step has no such argument.

    Its premise is that a routine under test takes such a step, or, if `others` is given, that
    anybody does and such a routine does that, by which it may make theirs fail.  Where that is not
    enough for it to be able to fail, `after` is what the same routine must have done as well, and
    `witness` what anybody must have.
    """

    def register(fn: Judge) -> ModelFunction[..., bool]:
        where = _place(fn)
        taken = "such a step is taken"
        premises = [_premise((steps, taken), where, own=others is None)]
        if others is not None:
            words, text = others
            either = f"{steps} {words}", f"{taken}, or {text}"
            premises.append(_premise(either, where, own=True))
        if after is not None:
            premises.append(_premise(after, where, own=True))
        if witness is not None:
            premises.append(_premise(witness, where))
        asked = premises[0].steps
        _require_arguments(fn, asked, where)
        said = why, then
        return _register(fn, "step", sentence, relied_on, premises, mutants, said, asked, steady)

    return register


def _require_arguments(judge: Judge, words: Iterable[str], where: str) -> None:
    """Every step has what is asked, or one of them has if there is a default."""
    asked = list(inspect.signature(judge).parameters.values())[2:]
    steps = steps_of(words)
    for param in asked:
        without = [s for s in steps if param.name not in asked_of(s)]
        if without and (param.default is param.empty or len(without) == len(steps)):
            raise ModelError(
                f"{judge.__name__} asks {without[0].name} for '{param.name}'", where=where,
                instead=near(param.name, asked_of(without[0])),
            )  # fmt: skip


def at_end(
    sentence: str, *, relied_on: str, witness: Witness, mutants: Iterable[str], why: str = "",
    then: str = "",
) -> Callable[[Callable[[View], bool]], ModelFunction[..., bool]]:  # fmt: skip
    """Holds when every thread has returned: ``f(view)``."""
    return lambda fn: _register(
        fn, "end", sentence, relied_on, [_premise(witness, _place(fn))], mutants, (why, then)
    )


def by_engine(
    name: str, group: str, sentence: str, relied_on: str, where: str, witness: Witness,
    mutants: Iterable[str], *, why: str, then: str,
) -> None:  # fmt: skip
    """What an engine or the front end finds by itself."""
    premises = (_premise(witness, name),)
    REGISTRY[name] = Invariant(
        name, group, sentence, relied_on, "engine", where, premises, tuple(mutants),
        why=why, then=then,
    )  # fmt: skip


def by_text(name: str, group: str, sentence: str, relied_on: str, where: str, witness: str) -> None:
    """What is read off the text of routines that run together."""
    premises = (Premise(witness, frozenset(), own=False),)
    ASIDE[name] = Invariant(name, group, sentence, relied_on, "text", where, premises, ())


@contextmanager
def apart() -> Iterator[list[Invariant]]:
    """Keep what registers meanwhile in the list that this gives, and out of the registry."""
    before, found = dict(REGISTRY), list[Invariant]()
    try:
        yield found
    finally:
        found += [i for name, i in REGISTRY.items() if name not in before]
        REGISTRY.clear()
        REGISTRY.update(before)


def every() -> list[Invariant]:
    """All that is asked about a patch, if nothing is chosen."""
    return [*REGISTRY.values(), *ASIDE.values()]


def find(name: str, own: Iterable[Invariant] = ()) -> list[Invariant]:
    """The invariants of a name or a group, of the registry and of one's own; ModelError if there is
    none."""
    everything = [*every(), *own]
    found = [i for i in everything if name in (i.name, i.group)]
    if not found:
        known = [*(i.name for i in everything), *GROUPS]
        raise ModelError(f"no invariant or group '{name}'", instead=near(name, known))
    return found
