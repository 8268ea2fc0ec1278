# SPDX-License-Identifier: GPL-2.0-only
"""The registry of invariants, applied to every patch.

An invariant is one sentence and one expression in the modelling language.  It is about every
state (`invariant`), about a step as it is taken (`at_step`), or about the end, when every thread
has returned (`at_end`).  Beside it are declared who relies on it, a witness (a step or a state
without which it had nothing to say) and the mutants that break it, which the tests make.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from model.kernel.view import View
from model.lang.declare import ModelFunction, pure
from model.lang.errors import ModelError, near
from model.lang.frontend.source import shown_path

GROUPS = {
    "tlb": "stale translations",
    "locking": "deadlock, order, balance, sleeping, fields under their locks",
    "rmap": "the reverse map finds what the page table maps",
    "lifetime": "nothing is used after it is freed, references balance",
    "pins": "pinned and exclusive pages",
    "pte_bits": "bits of entries",
    "ordering": "what the architecture may take in another order",
    "progress": "every call ends under fairness",
    "cost": "flushes, interrupts and locks per call",
}
NOT_BUILT = ("progress", "cost")
"""Groups that no invariant is in yet; they are listed and count for nothing."""


@dataclass(frozen=True)
class Invariant:
    """One invariant.

    `kind`: state, step, end, engine, or text for what is read off routines and not off states.
    `steps`: for a step, the names or traits of the calls at which it is judged; `steady`, if it is
    not "", why other threads can only make it hold once its thread has come to the step.
    `witness` says in words what reaching means, and `witnessed` are the names or traits of steps,
    one of which must have been taken.
    """

    name: str
    group: str
    sentence: str
    relied_on: str
    kind: str
    where: str
    witness: str
    witnessed: frozenset[str]
    mutants: tuple[str, ...]
    steps: frozenset[str] = frozenset()
    fn: ModelFunction[..., Any] | None = None
    steady: str = ""


REGISTRY: dict[str, Invariant] = {}

ASIDE: dict[str, Invariant] = {}
"""What is decided of the text of routines, beside what is decided of their states."""

Judge = Callable[..., bool]


def _register(
    fn: Judge, kind: str, sentence: str, relied_on: str, witness: tuple[str, str],
    mutants: Iterable[str], steps: str = "", steady: str = "",
) -> ModelFunction[..., bool]:  # fmt: skip
    group = fn.__module__.rpartition(".")[2]
    line = inspect.getsourcelines(fn)[1]
    where = f"{shown_path(inspect.getsourcefile(fn) or '?')}:{line}"
    judge = pure(fn)
    REGISTRY[fn.__name__] = Invariant(
        fn.__name__, group, sentence, relied_on, kind, where, witness[1],
        frozenset(witness[0].split()), tuple(mutants), frozenset(steps.split()), judge, steady,
    )  # fmt: skip
    return judge


def invariant(
    sentence: str, *, relied_on: str, witness: tuple[str, str], mutants: Iterable[str]
) -> Callable[[Callable[[View], bool]], ModelFunction[..., bool]]:
    """Holds in every state: ``f(view)``."""
    return lambda fn: _register(fn, "state", sentence, relied_on, witness, mutants)


def at_step(
    steps: str, sentence: str, *, relied_on: str, witness: tuple[str, str] | None = None,
    mutants: Iterable[str], steady: str = "",
) -> Callable[[Judge], ModelFunction[..., bool]]:  # fmt: skip
    """Holds whenever one of `steps` (names or traits, separated by spaces) is taken, in the state
    before: ``f(view, thread, ...)``, further parameters being arguments of the step by name."""
    seen = witness or (steps, "such a step is taken")
    return lambda fn: _register(fn, "step", sentence, relied_on, seen, mutants, steps, steady)


def at_end(
    sentence: str, *, relied_on: str, witness: tuple[str, str], mutants: Iterable[str]
) -> Callable[[Callable[[View], bool]], ModelFunction[..., bool]]:
    """Holds when every thread has returned: ``f(view)``."""
    return lambda fn: _register(fn, "end", sentence, relied_on, witness, mutants)


def by_engine(
    name: str, group: str, sentence: str, relied_on: str, where: str,
    witness: tuple[str, str], mutants: Iterable[str],
) -> None:  # fmt: skip
    """What an engine or the front end finds by itself."""
    REGISTRY[name] = Invariant(
        name, group, sentence, relied_on, "engine", where, witness[1],
        frozenset(witness[0].split()), tuple(mutants),
    )  # fmt: skip


def by_text(name: str, group: str, sentence: str, relied_on: str, where: str, witness: str) -> None:
    """What is read off the text of routines that run together."""
    ASIDE[name] = Invariant(
        name, group, sentence, relied_on, "text", where, witness, frozenset(), ()
    )  # fmt: skip


def every() -> list[Invariant]:
    """All that is asked about a patch, if nothing is chosen."""
    return [*REGISTRY.values(), *ASIDE.values()]


def find(name: str) -> list[Invariant]:
    """The invariants of a name or a group; ModelError if there is none."""
    found = [i for i in every() if name in (i.name, i.group)]
    if not found:
        known = [*(i.name for i in every()), *GROUPS]
        raise ModelError(f"no invariant or group '{name}'", instead=near(name, known))
    return found
