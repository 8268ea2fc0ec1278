# SPDX-License-Identifier: GPL-2.0-only
"""Exit statuses, and small parts that several commands have in common."""

from __future__ import annotations

from collections.abc import Sequence

import click

from model.lang.errors import ModelError

from ..play.executors import KNOWN, is_executor

BAD, UNKNOWN, INTERRUPTED, CLOSED_PIPE = 2, 3, 130, 141


def _jobs(given: str | int) -> int | str:
    """A number of processes, or an executor by the import path of what makes it."""
    text = str(given)
    if text.isdecimal():
        return int(text)
    if not is_executor(text):
        known = ", ".join(KNOWN)
        raise click.BadParameter(f"'{text}' is neither a number, nor module:callable, nor {known}")
    return text


jobs_option = click.option(
    "--jobs", type=_jobs, default=0, metavar="N|EXECUTOR",
    help="Processes; 0: one a processor. Or an executor: module:callable, or dask.",
)  # fmt: skip


def processes(jobs: int | str) -> int:
    """The number of processes that share the memory of this machine; 0: one a processor."""
    return jobs if isinstance(jobs, int) else 0


def say(lines: Sequence[str], *, err: bool = False) -> None:
    """Print lines to standard output, or to standard error."""
    for line in lines:
        click.echo(line, err=err)


def notice(text: str) -> None:
    """Say on standard error what makes no difference to the answer."""
    say([f"check-invariants: {text}"], err=True)


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
