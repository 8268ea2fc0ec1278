# SPDX-License-Identifier: GPL-2.0-only
"""The architectures that a scenario may be decided for, as a model sees them.

Model code asks ``arch()`` and branches on the answer while it is compiled, so that nothing of
another architecture is left in a transition system.  The table is in `archs`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from model.lang import static
from model.lang.errors import ModelError, near
from model.lang.order import MODELS


class Remote(enum.Enum):
    """How a flush reaches the other CPUs."""

    IPI = "an interrupt; the initiator waits, a CPU with interrupts off holds it off"
    BROADCAST = "an instruction that all CPUs obey, or firmware; the issuer waits for all"
    WITH_ENTRY = "the instruction that changes the entry; nothing is left to flush"


class GatherFlush(enum.Enum):
    """The text of tlb_flush(), the flush of an mmu_gather."""

    X86 = "the range, of lazy CPUs too only if tables were freed; unshared tables do not count"
    ARM64 = (
        "last level unless tables were freed or unshared; of a whole mm if tables were freed, or "
        "nothing"
    )
    ARM64_6_12 = "last level unless tables were freed or unshared; of a whole mm then, or nothing"
    ARM64_FREED = "last level unless tables were freed; of a whole mm then, or nothing"
    RISCV = "the whole mm if tables were freed, else the range"
    S390 = "the whole mm if something has set flush_mm, else nothing"


@dataclass(frozen=True)
class Earlier:
    """An architecture as it was `before` a release that lacks a `commit`; `now` are its values
    then, by field."""

    before: str
    commit: str
    now: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Arch:
    """What the models ask of an architecture.

    `memory_model` names the memory model, for which every order has a line (`model.lang.order`).
    `remote` is how flush_tlb_range() and the like reach other CPUs, `batch` how
    arch_tlbbatch_flush() does.  `page_last_level`, `range_last_level`: that flush drops no
    walk-cache entries.  `page_skips_lazy`, `range_skips_lazy`: it leaves lazy CPUs alone, which
    flush when they next run the mm.  `gather` is the text of tlb_flush(), `whole_mm_from` the
    number of strides from which on a flush of a range is one of the mm.  `table_sync_ipi`:
    tlb_remove_table_sync_one() interrupts every CPU.  `batches_unmap`: try_to_unmap may defer its
    flush; `broadcasts_by_entry`: it then broadcasts an invalidation for each entry at once, and
    puts off only the wait for it.  `moves_tables`: HAVE_MOVE_PMD.  `wrprotects_at_once`:
    ptep_set_wrprotect() is one access.  `by_default`: it is decided where nothing is said.
    """

    name: str
    doc: str
    memory_model: str
    remote: Remote
    batch: Remote
    page_last_level: bool
    range_last_level: bool
    page_skips_lazy: bool
    range_skips_lazy: bool
    gather: GatherFlush
    whole_mm_from: int
    batches_unmap: bool
    table_sync_ipi: bool
    broadcasts_by_entry: bool
    moves_tables: bool
    cites: tuple[str, ...]
    wrprotects_at_once: bool = True
    by_default: bool = True
    earlier: tuple[Earlier, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if self.memory_model not in MODELS:
            raise ModelError(
                f"no memory model '{self.memory_model}'", instead=near(self.memory_model, MODELS)
            )

    def at(self, has: Callable[[str, str], bool]) -> Arch:
        """The architecture in a kernel, of which `has` says whether it is as mainline since a
        release, by a commit."""
        found = self
        for old in self.earlier:
            if not has(old.before, old.commit):
                found = replace(found, **dict(old.now))
        return found


_selected: list[Arch] = []
_times = 0


@contextmanager
def selected(found: Arch) -> Iterator[None]:
    """Compile for this architecture."""
    _selected.append(found)
    try:
        yield
    finally:
        _selected.pop()


@static
def arch() -> Arch:
    """The architecture that a model is compiled for."""
    global _times
    _times += 1
    return _selected[-1]


def times_asked() -> int:
    """The number of times that models have asked for the architecture: what is worked out without
    asking is the same on all of them."""
    return _times
