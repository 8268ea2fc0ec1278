# SPDX-License-Identifier: GPL-2.0-only
"""Deciding casts in several ways, for tests that compare what comes out."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from checks.play.play import weakened
from checks.reduce.reducer import NO_PASSES, Passes
from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.casts import Cast
from model.hw.objects import Addr
from model.kernel.objects import Mm
from model.kernel.tlbflush import flush_everywhere
from model.lang import primitive
from model.patches.family import Variant
from tests.families import MOVE

EVERY = tuple(i for i in REGISTRY.values() if i.kind != "engine")
"""The invariants that are part of a system."""

STALE = frozenset(i.name for i in EVERY if i.group == "tlb")
"""Those about stale translations."""

NOTHING = NO_PASSES
"""The system as the front end made it."""

SOME = (
    NOTHING,
    Passes(fold=False),
    Passes(erase=False),
    Passes(merge=False, movers=False),
    Passes(movers=False),
    Passes(),
)
"""No pass, all but one, all."""


@primitive("arch/x86/mm/tlb.c:flush_tlb_mm_range")
def flush_nothing(mm: Mm, start: Addr, end: Addr, skip_lazy: bool, last_level: bool) -> None:
    """Instead of `flush_everywhere`: no CPU is asked to do anything."""


def variant(name: str) -> Variant:
    """A variant of the patch; ``merged, no flush`` is one in which nobody flushes at once."""
    base, _, broken = name.partition(", ")
    found = MOVE.variant(base)
    if not broken:
        return found
    return replace(found, name=name, swap={**found.swap, flush_everywhere: flush_nothing})


def casts(of: Variant, *states: str) -> list[Cast]:
    """Every cast of one page with one neighbour or none, from these states.

    Without a name, from every state that needs no more than two VMAs.
    """
    return [
        cast
        for cast in MOVE.casts.full(of.neighbours_from)
        if cast.axes["pages"] == 1 and len(cast.others) <= 1 and not cast.few
        and (cast.initial.name in states if states else not cast.initial.needs)
    ]  # fmt: skip


def cast(of: Variant, name: str) -> Cast:
    """The cast of a name."""
    found = MOVE.casts.named(name, of.neighbours_from)
    assert found is not None, name
    return found


@functools.cache
def _stage(setting: Setting, arch: str, anytime: bool) -> Stage:
    """A stage for whatever is played with one setting: threads are made once."""
    return Stage(setting, arch, EVERY, anytime=anytime)


def violated(
    of: Variant, chosen: Iterable[Cast], arch: str, passes: Passes, *, anytime: bool = False
) -> dict[str, frozenset[str]]:
    """By cast, the invariants that fail; `anytime`: TLBs fill and forget whenever they like.

    As `checks.play.play.Theatre` does it: with fewer passes, where some rest on what does not hold.
    """
    found = {}
    groups: dict[Setting, list[Cast]] = {}
    for one in chosen:
        groups.setdefault(Setting.of(one), []).append(one)
    role = Role(of)
    for setting, members in groups.items():
        stage = _stage(setting, arch, anytime).by(passes)
        stage.prepare([(one, role) for one in members])
        for one in members:
            kept = passes
            _, search = stage.search(one, role)
            while (weaker := weakened(kept, search)) is not None:
                kept = weaker
                again = stage.by(kept)
                _, search = again.search(one, role)
            assert search.why == ""
            found[one.name] = frozenset(search.violations)
    return found
