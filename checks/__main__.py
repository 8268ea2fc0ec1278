# SPDX-License-Identifier: GPL-2.0-only
"""Where the command begins: the console script, and ``python -m checks``."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn


def main() -> NoReturn:
    """Run the command; what cannot be imported is one line and exit status 2, as any bad input, and
    an interrupt while it is imported is one like any other."""
    try:
        from .cli.main import main as run
    except KeyboardInterrupt:
        print("check-invariants: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        (*_, last) = traceback.extract_tb(error.__traceback__)
        where = f"{last.filename}:{last.lineno}"
        print(f"check-invariants: it cannot be started: {where}: {type(error).__name__}: {error}",
              file=sys.stderr)  # fmt: skip
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
