# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses, and small parts that several commands have in common."""

from __future__ import annotations

from collections.abc import Sequence

import click

from model.lang.errors import ModelError
from model.patches import PATCHES

from ..subject.subject import Subject, by_name, no_such_patch

BAD, UNKNOWN, INTERRUPTED, CLOSED_PIPE = 2, 3, 130, 141


def say(lines: Sequence[str], *, err: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    for line in lines:
        click.echo(line, err=err)


def params_of(given: tuple[str, ...]) -> dict[str, str]:
    """The parameters of an example by name; ModelError where there is no '='."""
    params = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ModelError(f"--param {text}", why="it has no '='", instead="write --param cpus=3")
        params[key] = value
    return params


def stored(patch: str, variant: str) -> Subject:
    """A stored patch: its before and after side, or one variant."""
    if patch not in PATCHES:
        raise no_such_patch(patch)
    return by_name(patch, variant)
