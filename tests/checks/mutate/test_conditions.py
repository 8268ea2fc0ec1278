# SPDX-License-Identifier: GPL-2.0-only
"""Every check of a function is found, whatever it is a condition of, and goes by itself."""

from __future__ import annotations

import ast

import pytest

from checks.mutate.conditions import checks_of

IF = """\
if a(x) or y == 0:
    return 1
"""
GUARD = """\
if x and y:
    act()
"""
BOTH = """\
if x:
    act()
else:
    other()
"""
STOPS = """\
if not lock(x):
    unmodelled('it waits')
"""


@pytest.mark.parametrize(
    ("text", "without"),
    [
        (IF, {
            "a(x)": "if y == 0:\n    return 1",
            "y == 0": "if a(x):\n    return 1",
        }),
        ("if x == 1:\n    y = 2\n    continue\n", {"x == 1": "pass"}),
        (STOPS, {"not lock(x)": "pass"}),
        (GUARD, {
            "x": "if y:\n    act()",
            "y": "if x:\n    act()",
            "x and y": "act()",
        }),
        (BOTH, {"x: never so": "other()", "x: always so": "act()"}),
        ("while x < y:\n    act()\n", {"x < y": "while True:\n    act()"}),
        ("while x and y:\n    act()\n", {
            "x": "while y:\n    act()",
            "y": "while x:\n    act()",
            "x and y": "while True:\n    act()",
        }),
        ("z = (x, y) if x.rank > y.rank else (y, x)\n", {
            "x.rank > y.rank: never so": "z = (x, y) if False else (y, x)",
            "x.rank > y.rank: always so": "z = (x, y) if True else (y, x)",
        }),
        ("return f(x if y else z)\n", {
            "y: never so": "return f(x if False else z)",
            "y: always so": "return f(x if True else z)",
        }),
        ("return x == y\n", {"x == y": "return True"}),
        ("return x == y or z\n", {"x == y": "return z", "z": "return x == y"}),
        ("z = x != y\n", {"x != y: never so": "z = False", "x != y: always so": "z = True"}),
        ("while True:\n    act()\n    break\n", {}),
        ("return x + y\n", {}),
    ],
)  # fmt: skip
def test_checks(text: str, without: dict[str, str]) -> None:
    lines = "".join(f"        {line}\n" for line in text.splitlines())
    tree = ast.parse(f"def f():\n    for x in y:\n{lines}").body[0]
    assert isinstance(tree, ast.FunctionDef)
    before = ast.unparse(tree)
    found = {}
    for check in checks_of(tree):
        changed = ast.unparse(check.without(tree)).splitlines()[2:]
        found[check.name.removeprefix("no check ")] = "\n".join(line[8:] for line in changed)
    assert found == without
    assert ast.unparse(tree) == before
