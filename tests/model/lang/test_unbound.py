# SPDX-License-Identifier: GPL-2.0-only
"""Locals that may have no value: what is found, and what is not taken for one."""

from __future__ import annotations

import ast

import pytest

from model.lang.frontend.unbound import unbound_read

BOUND = {
    "a parameter": "return p",
    "both ways": "if p: n = 1\nelse: n = 2\nreturn n",
    "the other way returns": "if p: return 0\nelse: n = 2\nreturn n",
    "the other way goes on": "while p:\n if p: n = 1\n else: continue\n p = n",
    "what is left by a break alone": "while True:\n n = 1\n if p: break\nreturn n",
    "a later round": "n = 0\nwhile p:\n n = n + 1\nreturn n",
    "within the branch": "if p:\n n = 1\n p = n",
    "a loop's variable": "for x in (1, 2): p = x",
    "a global of the same name as a comprehension's": "p = tuple(n for n in (1, 2))\nreturn n",
    "behind what never ends": "while True: p = 1\nreturn n\nn = 1",
    "several at once": "n, m = p, p\nreturn n + m",
}

UNBOUND = {
    "one way": ("if p: n = 1\nreturn n", 2),
    "a loop that may have no round": ("while p: n = 1\nreturn n", 2),
    "an unrolled one": ("for x in (1, 2): n = x\nreturn n", 2),
    "a break before it": ("while True:\n if p: break\n n = 1\nreturn n", 4),
    "before the first round": ("while n: n = 1", 1),
    "itself": ("n = n", 1),
    "itself and more": ("n += 1", 1),
    "an annotation gives no value": ("n: int\nreturn n", 2),
    "before a global is hidden": ("p = n\nn = 1", 1),
    "in a comprehension": ("if p: n = 1\np = tuple(x + n for x in (1, 2))", 2),
    "what it runs over": ("if p: n = 1\np = tuple(n for n in (n, 2))", 2),
    "what it tests": ("if p: n = 1\np = tuple(x for x in (1, 2) if n)", 2),
    "an inner loop's break": ("while p:\n while True:\n  break\n n = 1\nreturn n", 5),
}


def found(text: str) -> int | None:
    """The line of the first such read in a function with this body, counted from 1."""
    lines = "\n".join(f" {line}" for line in text.splitlines())
    function = ast.parse(f"def f(p):\n{lines}").body[0]
    assert isinstance(function, ast.FunctionDef)
    read = unbound_read(function)
    return None if read is None else read.lineno - 1


@pytest.mark.parametrize("case", BOUND)
def test_bound(case: str) -> None:
    assert found(BOUND[case]) is None


@pytest.mark.parametrize("case", UNBOUND)
def test_unbound(case: str) -> None:
    text, line = UNBOUND[case]
    assert found(text) == line
