# SPDX-License-Identifier: GPL-2.0-only
"""Golden tests: a file holds a command on its first line, then exactly what it prints.

python -m tests.checks.render.test_golden      writes them anew; read the difference
"""

from __future__ import annotations

import contextlib
import re
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from tests.command import run, write_late_flush, write_program

ROOT = Path(__file__).parents[3]
MARKED = re.compile(r"<!-- trace: my_v4 (\w+) -->\n```\n(.*?)```", re.DOTALL)
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.txt"))


def printed(command: str, folder: Path) -> str:
    """What a command prints, with `my_v4.py` and `shared.txt` in the working directory, and its
    exit status."""
    write_late_flush(folder)
    write_program(folder)
    words = shlex.split(command)
    assert words[:2] == ["$", "check-invariants"]
    with contextlib.chdir(folder):
        ran = run(*words[2:])
    return f"{command}\n{ran.stdout}{ran.stderr}exit status {ran.exit_code}\n"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_golden(path: Path, tmp_path: Path) -> None:
    wanted = path.read_text()
    assert printed(wanted.split("\n", 1)[0], tmp_path) == wanted


def test_the_readme_shows_a_trace_that_is_printed() -> None:
    """The block of the README is a part of a golden file."""
    found = MARKED.search((ROOT / "README.md").read_text())
    assert found is not None
    assert found[1] in found[2]
    assert found[2] in (ROOT / "tests" / "golden" / "own_model.txt").read_text()


def test_traces_fit() -> None:
    """At most 40 lines of 100 columns; the command that replays one may be longer."""
    traces = 0
    for path in GOLDEN:
        for block in re.split(r"(?m)^(?=VIOLATED  )", path.read_text())[1:]:
            if "replay    check-invariants" not in block:
                continue
            lines = block.split("replay    check-invariants")[0].rstrip("\n").split("\n")
            assert len(lines) <= 40, path.name
            assert max(map(len, lines)) <= 100, path.name
            traces += 1
    assert traces >= 5


if __name__ == "__main__":
    for file in GOLDEN:
        with tempfile.TemporaryDirectory() as scratch:
            text = printed(file.read_text().split("\n", 1)[0], Path(scratch))
        if text != file.read_text():
            file.write_text(text)
            sys.stderr.write(f"{file.name} changed\n")
    readme = (ROOT / "README.md").read_text()
    block = MARKED.search(readme)
    assert block is not None
    shown = (ROOT / "tests" / "golden" / "own_model.txt").read_text()
    traces = re.split(r"(?m)^(?=VIOLATED  )", shown)
    trace = next(t for t in traces if t.startswith(f"VIOLATED  {block[1]}  "))
    trace = trace[: trace.index("replay    ")].rstrip("\n") + "\n"
    (ROOT / "README.md").write_text(readme.replace(block[2], trace))
