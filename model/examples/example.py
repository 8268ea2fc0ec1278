# SPDX-License-Identifier: GPL-2.0-only
"""What an example system declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model.lang import World
from model.lang.declare import ModelFunction

Rule = ModelFunction[..., Any]


@dataclass(frozen=True)
class Param:
    """A number that a user may choose, from `low` to `high`."""

    low: int
    high: int
    default: int


@dataclass(frozen=True)
class Example:
    """A system of rules that is no patch.

    `world` makes its objects from the parameters, by name, and from the keyword that belongs to a
    variant in `variants`.  An invariant is about objects that there is one of in the world; its
    docstring is its sentence.
    """

    name: str
    params: Mapping[str, Param]
    variants: Mapping[str, Mapping[str, bool]]
    world: Callable[..., World]
    rules: tuple[Rule, ...]
    invariants: tuple[ModelFunction[..., bool], ...]
