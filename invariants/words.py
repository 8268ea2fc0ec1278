# SPDX-License-Identifier: GPL-2.0-only
"""The words that invariants attach to: names of steps, traits, and what a step is given.

A step that nobody declares is never taken, and what is judged at it never fails: an unknown word
is refused when the invariant is registered.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

import model.hw
import model.kernel
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near
from model.lang.ir import Call
from model.lang.traits import Trait

Step = ModelFunction[..., Any]

WRITTEN = "written"
"""Parameter of an invariant about steps that write an entry (Trait.PTE): the new value of it."""


class Given(StrEnum):
    """Words for what steps are given, where an invariant is about that and not about their kind."""

    FOLIO = "folio"  # a folio that must not be free: lifetime
    PTE = "pte-access"  # an entry, whose table must not be free: lifetime


_MAY_BE_FREE = frozenset({Trait.TRYGET, Trait.ALLOC, Trait.MAYBE_FREE, Trait.GHOST})
"""Steps on a folio that may be free: taking a reference if there is one, allocating."""


def words_of(call: Call) -> frozenset[str]:
    """The words that invariants attach to: the step's name, its traits, and what it is given."""
    return _words(call.name, call.traits, [name for name, _ in call.args])


def _words(name: str, traits: frozenset[Trait], params: Collection[str]) -> frozenset[str]:
    found = {name, *traits}
    if "folio" in params and not traits & _MAY_BE_FREE:
        found.add(Given.FOLIO)
    if "pte" in params:
        found.add(Given.PTE)
    return frozenset(found)


@functools.cache
def _declared() -> Mapping[str, tuple[Step, ...]]:
    """The steps of hardware and kernel that each word stands for."""
    found: dict[str, list[Step]] = {}
    for package in (model.hw, model.kernel):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            for fn in vars(module).values():
                if isinstance(fn, ModelFunction) and fn.kind == "step":
                    for word in _words(fn.name, fn.traits, params_of(fn.fn)):
                        found.setdefault(word, []).append(fn)
    return {word: tuple(dict.fromkeys(steps)) for word, steps in found.items()}


def asked_of(step: Step) -> tuple[str, ...]:
    """The names that an invariant may ask a step for: its arguments, and what it writes."""
    return (*params_of(step.fn), *((WRITTEN,) if Trait.PTE in step.traits else ()))


def params_of(fn: Callable[..., object]) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return tuple(inspect.signature(fn).parameters)


def known(words: Iterable[str], where: str) -> frozenset[str]:
    """The words; ModelError for one that stands for no step."""
    declared = _declared()
    asked = frozenset(words)
    for word in sorted(asked - declared.keys()):
        raise ModelError(
            f"no step and no trait '{word}'", where=where,
            why="an invariant about it would always hold", instead=near(word, declared),
        )  # fmt: skip
    return asked


def steps_of(words: Iterable[str]) -> list[Step]:
    """The declared steps that words stand for."""
    return [fn for word in sorted(words) for fn in _declared().get(word, ())]
