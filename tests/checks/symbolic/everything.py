# SPDX-License-Identifier: GPL-2.0-only
"""Z3 and the reference explorer compared on every cast of every version of every family: hours.

python -m tests.checks.symbolic.everything            all
python -m tests.checks.symbolic.everything '*/merged/move+zap*'

Of each variant every neighbour comes first, alone and from the first state: then all that is
modelled was compared once.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator

from checks.stage.stage import Role, Setting, Stage
from invariants import REGISTRY
from model.cast.casts import Cast
from model.patches import FAMILIES
from model.patches.family import Family, Variant

from .agreement import agree
from .cases import played


def main(glob: str) -> str:
    """Compare each cast whose family, variant and name fit; the first that differs ends it.  An
    error if none fits."""
    done = 0
    for once in (True, False):
        for family in FAMILIES.values():
            for variant in family.variants:
                done += _compared(family, variant, glob, once=once)
    sys.stdout.write(f"{done} casts agree\n")
    return "" if done else f"no cast fits '{glob}'"


def _compared(family: Family, variant: Variant, glob: str, *, once: bool) -> int:
    """The number of casts of a variant that fit, all of which agree."""
    done = 0
    names = f"{family.name}/{variant.name}"
    casts = _first_of_each(family.casts.default(variant.neighbours_from), once=once)
    fit = (c for c in casts if fnmatch.fnmatchcase(f"{names}/{c.name}", glob))
    for stage, cast, role in _on_stages(variant, fit):
        agree(played(stage, cast, role))
        stage.forget(cast, role)
        done += 1
        sys.stdout.write(f"agrees  {names}/{cast.name}\n")
        sys.stdout.flush()
    return done


def _first_of_each(casts: Iterable[Cast], *, once: bool) -> Iterator[Cast]:
    """The first cast with each neighbour alone; or the others."""
    seen: set[tuple[str, ...]] = set()
    for cast in casts:
        names = tuple(n.name for n in cast.others)
        first = len(names) < 2 and names not in seen
        seen.add(names)
        if first is once:
            yield cast


def _on_stages(variant: Variant, casts: Iterable[Cast]) -> Iterator[tuple[Stage, Cast, Role]]:
    """Casts that share a world reduced together, as they are when they are decided."""
    role = Role(variant)
    worlds: dict[Setting, list[Cast]] = {}
    for cast in casts:
        worlds.setdefault(Setting.of(cast), []).append(cast)
    for setting, members in worlds.items():
        stage = Stage(setting, "x86_64", REGISTRY.values())
        stage.prepare([(cast, role) for cast in members])
        for cast in members:
            yield stage, cast, role


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "*") or 0)
