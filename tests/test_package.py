# SPDX-License-Identifier: GPL-2.0-only
"""What is installed is all that is needed: data files are named in pyproject.toml, for an editable
install would hide one that is not."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "invariants", "checks")


def test_every_data_file_is_installed() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = setup["tool"]["setuptools"]["package-data"]
    named = {f for p, globs in patterns.items() for g in globs for f in (ROOT / p).glob(g)}
    there = {
        f
        for package in PACKAGES
        for f in (ROOT / package).rglob("*")
        if f.is_file() and f.suffix not in (".py", ".pyc") and not f.name.startswith("_native.")
    }  # _native is what the extension is built into
    assert there
    assert there == named


def test_every_source_file_has_its_licence() -> None:
    files = [f for top in (*PACKAGES, "tests") for f in (ROOT / top).rglob("*.py")]
    assert len(files) > 100
    first = "# SPDX-License-Identifier: GPL-2.0-only\n"
    assert [f for f in files if not f.read_text().startswith(first)] == []
