# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses, and small parts that several commands have in common."""

from __future__ import annotations

from collections.abc import Sequence

import click

from model.lang.errors import ModelError

BAD, UNKNOWN, INTERRUPTED, CLOSED_PIPE = 2, 3, 130, 141


def say(lines: Sequence[str], *, err: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    for line in lines:
        click.echo(line, err=err)


def worst(codes: Sequence[int]) -> int:
    """The exit status of several answers."""
    return next((c for c in (BAD, 1, UNKNOWN) if c in codes), 0)


def params_of(given: tuple[str, ...]) -> dict[str, str]:
    """The parameters of an example by name; ModelError where there is no '='."""
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ModelError(f"--param {text}", why="it has no '='", instead="write --param cpus=3")
        params[key] = value
    return params
