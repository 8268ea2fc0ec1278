# SPDX-License-Identifier: GPL-2.0-only
"""Z3 and the reference explorer compared on every cast of every variant: hours.

python -m tests.checks.symbolic.everything            all
python -m tests.checks.symbolic.everything 'merged/move+zap*'
"""

from __future__ import annotations

import fnmatch
import sys

from model.patches.uffd_move_batching import PATCH

from .agreement import agree
from .cases import move_case


def main(glob: str) -> None:
    """Compare each cast whose variant and name fit; the first that differs ends it."""
    for variant in PATCH.variants:
        for cast in PATCH.casts.default(variant.neighbours_from):
            name = f"{variant.name}/{cast.name}"
            if fnmatch.fnmatchcase(name, glob):
                agree(move_case(variant.name, cast.name))
                sys.stdout.write(f"agrees  {name}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "*")
