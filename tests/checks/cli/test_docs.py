# SPDX-License-Identifier: GPL-2.0-only
"""Commands, links and examples of the documentation exist and do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checks.cli.main import commands
from checks.target.inputs import ALL

from ...command import run

ROOT = Path(__file__).parents[3]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
FAMILY = str(ROOT / "docs" / "example_family.py")


def test_the_example_family_holds() -> None:
    ran = run(FAMILY, "--arch", "x86_64")
    assert ran.exit_code == 0
    assert "no_translation_to_a_free_page         HOLDS" in ran.stdout


@pytest.mark.parametrize("mutant", ["no flush", "late flush"])
def test_its_mutants_break_what_they_say(mutant: str) -> None:
    ran = run(FAMILY, "--mutant", mutant, "--arch", "x86_64", "--scenario", "unmap/1p/init=mapped")
    assert ran.exit_code == 1
    broken = set(re.findall(r"(?m)^  VIOLATED (\w+)", ran.stdout))
    assert {"no_translation_to_a_free_page", "flushed_before_ptl_is_released"} <= broken
    assert ("nothing_removed_is_used_after_return" in broken) == (mutant == "no flush")


def test_the_sample_mail_is_named_and_not_decided() -> None:
    ran = run(str(ROOT / "docs" / "sample.mbox"))
    assert ran.exit_code == 3
    assert "move_present_ptes" in ran.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_and_links_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"(?m)^check-invariants ([a-z]+)(?: |$)", text):
        assert name in (*commands.commands, ALL) or (ROOT / name).is_dir(), name
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
    for path in re.findall(r"`((?:docs|model|checks|tests|invariants)/[\w/.]+\.\w+)`", text):
        assert (ROOT / path).exists(), path
