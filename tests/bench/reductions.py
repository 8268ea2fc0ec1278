# SPDX-License-Identifier: GPL-2.0-only
"""What each reduction gains: ``python -m tests.bench.reductions [VARIANT]``.

States of each neighbour alone beside a variant of `uffd_move_batching` (by default the merged one),
all of them made, each of them left out, and none.  It fails if a verdict differs.
"""

from __future__ import annotations

import sys

from checks.engine.search import Limits
from checks.memory_order.ordering import default_casts
from checks.reduce.conflicts import DISCIPLINE
from checks.reduce.reducer import NO_PASSES, Passes
from checks.stage.stage import Setting, Stage
from checks.target.target import by_name
from invariants import REGISTRY

LEFT_OUT = {
    "all": Passes(),
    "no folding": Passes(fold=False),
    "no erasing": Passes(erase=False),
    "no movers": Passes(movers=False),
    "no merging": Passes(merge=False, movers=False),
    "none": NO_PASSES,
}
LIMITS = Limits(states=3_000_000)


def main(arguments: list[str]) -> int:
    """Print the table."""
    subject = by_name("uffd_move_batching", *arguments[:1])
    role = subject.selected.role
    print(f"{role.variant.name}: states, x86_64; 'no merging' is without movers as well")
    print(f"{'':32}" + "".join(f"{name:>12}" for name in LEFT_OUT), flush=True)
    for cast in default_casts(subject.family, role.variant.neighbours_from):
        print(f"{cast.name.partition('/')[0]:32}", end="", flush=True)
        verdicts = set()
        for passes in LEFT_OUT.values():
            stage = Stage(Setting.of(cast), "x86_64", REGISTRY.values(), passes=passes)
            _, found = stage.search(cast, role, LIMITS)
            if not found.why and DISCIPLINE not in found.violations:
                verdicts.add(frozenset(found.violations))
            count = f">{found.states}" if found.why else str(found.states)
            print(f"{count:>12}", end="", flush=True)
        print(flush=True)
        assert len(verdicts) < 2, verdicts
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
