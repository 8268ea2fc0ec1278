# SPDX-License-Identifier: GPL-2.0-only
"""Neighbours: routines that may run beside the one under test, at a role and in a process."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model.lang.declare import ModelFunction

from .kernels import kernel_named
from .parts import Setup

Routine = tuple[ModelFunction[..., Any], tuple[Any, ...]]
"""A routine and the arguments that it is called with."""


class Conflict(enum.Enum):
    """A way in which a neighbour makes steps of others conflict that otherwise would not."""

    LOCKLESS = "it reads without locks"
    TABLE = "it frees a table"
    FLUSH_PUT_OFF = "it leaves a flush to others"


@dataclass(frozen=True)
class Neighbour:
    """A routine that may run beside the one under test.

    `since` gives the routine by the first mainline release with that text, None for one that is not
    kernel code, and `commits` the commit that brought it, where a stable kernel may have that too.
    It is called with the VMA of `role`, in `process`, that of the VMA if nothing is
    said.  `{}` in `doc` stands for the noun of the role.  `stores`: how often the user CPU of the
    process stores; `lazy`: that is in a kernel thread at first.  `again`: the routine under test a
    second time, with these arguments, instead of `since`.
    """

    name: str
    doc: str
    since: Mapping[str, ModelFunction[..., Any] | None] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    role: str = ""
    process: str = ""
    stores: int = 0
    lazy: bool = False
    conflict: Conflict | None = None
    again: Callable[[Setup], tuple[Any, ...]] | None = None

    def told(self, nouns: Mapping[str, str]) -> str:
        """Its description in a line, with the noun of its role."""
        return self.doc.format(nouns.get(self.role, ""))

    def at(self, role: str, name: str = "", *, process: str = "") -> Neighbour:
        """The neighbour at a role, by a name of its own if it plays at several."""
        return replace(self, role=role, name=name or self.name, process=process)

    def routine(self, kernel: str) -> ModelFunction[..., Any] | None:
        """The routine that runs in a kernel version; KeyError if it did not exist then."""
        known = self._texts(kernel)
        if not known:
            raise KeyError(f"{self.name} does not exist in {kernel}")
        return self.since[known[-1]]

    def _texts(self, kernel: str) -> list[str]:
        """The releases whose texts a kernel has or has had, the last one in force."""
        found = kernel_named(kernel)
        return [v for v in self.since if found.has(v, self.commits.get(v, ""))]

    @property
    def runs_code(self) -> bool:
        """False for what only the user CPU does."""
        return self.again is not None or any(fn is not None for fn in self.since.values())

    def exists_in(self, kernel: str) -> bool:
        return self.again is not None or bool(self._texts(kernel))
