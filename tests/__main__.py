# SPDX-License-Identifier: GPL-2.0-only
"""Everything that must pass before a change goes in: ``python -m tests``, from the project's root.

The tools run one after the other, the quick ones first; the first that fails gives the exit status.
Arguments are handed to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

COMMANDS = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", "-n", "auto", "--quiet"),
)
"""Each is a program that the extra ``test`` of the package installs beside Python."""


def main(arguments: list[str]) -> int:
    """Run the tools; the exit status of the first that fails, or 0."""
    beside = Path(sys.executable).parent
    # Children find each other, and draw no colours or progress into a log.
    path = os.pathsep.join([str(beside), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    for command in COMMANDS:
        extra = arguments if command[0] == "pytest" else []
        print("$", *command, *extra, flush=True)
        program = beside / command[0]
        status = subprocess.run(
            [program, *command[1:], *extra], cwd=ROOT, env=environment, check=False
        ).returncode
        if status != 0:
            print(f"{command[0]} failed with exit status {status}", flush=True)
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
