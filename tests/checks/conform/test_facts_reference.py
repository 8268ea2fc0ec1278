# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM does what Linux 6.18 was seen to do: the rows of test_kernel.py, anywhere."""

from __future__ import annotations

import pytest

from checks.conform.script import script
from model.reference.machine.machine import Reference

from .facts import FACTS, Fact


@pytest.mark.parametrize("fact", FACTS, ids=lambda f: f.name)
def test_a_fact(fact: Fact) -> None:
    asked = script(fact.text)
    assert asked.run(Reference(asked.program.arena)) == ""
