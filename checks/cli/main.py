# SPDX-License-Identifier: GPL-2.0-only
"""The command line: all commands, and how each of them ends.

Answers go to standard output, progress and notices to standard error.

Exit status: 2 bad input, a model error or a fault of the tool, else 1 a violation on the selected
side, else 3 something unknown or vacuous, else 0; 130 interrupted, 141 closed pipe.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from model.lang.errors import ModelError

from ..engine import interrupts
from ..play.play import contradiction
from .callers import callers
from .check import check
from .common import BAD, CLOSED_PIPE, INTERRUPTED
from .conform import conform
from .drift import drift
from .explain import explain
from .export import export
from .list import list_
from .locks import locks
from .matrix import matrix_
from .necessity import necessity
from .ordering import ordering
from .prove import prove
from .replay import replay
from .show import show
from .step import step

TRACEBACK = "--traceback"


class _Commands(click.Group):
    """A first word that is no command is a PATCH to check."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An option given twice is refused: the first would be passed over in silence; and so is
        one that is given nothing, as by a variable of a shell that is not set."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            parser = command.make_parser(click.Context(command, parent=ctx))
            values, _, given = parser.parse_args(list(rest))
            for option in given:
                value = values[option.name or ""]
                if value == "" or (isinstance(value, list) and "" in value):
                    raise click.UsageError(f"{option.opts[0]} is given nothing; leave it out")
                if not isinstance(option, click.Option) or option.multiple or option.is_flag:
                    continue
                if given.count(option) > 1:
                    how = "once, all in a list with commas" if _is_list(option) else "once"
                    raise click.UsageError(f"{option.opts[0]} is given twice; give it {how}")
        return name, command, rest


def _is_list(option: click.Option) -> bool:
    return "commas" in (option.help or "")


@click.group(cls=_Commands, context_settings={"help_option_names": ["--help", "-h"]})
@click.version_option(package_name="check-invariants")
def commands() -> None:
    """Decide the locking and TLB invariants of a Linux memory-management patch.

    `check-invariants PATCH` is short for `check-invariants check PATCH`.  PATCH is a name (see
    `list`), a file with a patch or a mail in it, `-`, or a Python file in the modelling language;
    several of them, `all`, or a directory are answered by a summary.
    """


COMMANDS = (
    check, list_, show, explain, replay, necessity, ordering, locks, prove, matrix_, export, drift,
    callers, step, conform,
)  # fmt: skip

for each in COMMANDS:
    each.params.append(
        click.Option([TRACEBACK], is_flag=True, expose_value=False, help="Where an error was met.")
    )
    commands.add_command(each)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The console script: whatever ends it, 1 means a violation and nothing else does."""
    given = sys.argv[1:] if args is None else list(args)
    code = _status(given)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
        with contextlib.suppress(OSError, ValueError):  # Python would try again, and give 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _status(args: list[str]) -> int:
    interrupts.begin()
    interrupts.heed()
    try:
        # Not `commands.main`, which exits with 1 where a pipe is closed.
        with commands.make_context("check-invariants", list(args)) as context:
            commands.invoke(context)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else BAD if done.code else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _said(interrupts.INTERRUPTED, INTERRUPTED)
    except Exception as error:
        if TRACEBACK in args:
            with contextlib.suppress(OSError):
                traceback.print_exc()
        if interrupts.noticed():  # and what it interrupted said something else
            return _said(interrupts.INTERRUPTED, INTERRUPTED)
        if isinstance(error, click.ClickException):
            return _said(error.format_message())
        if isinstance(error, ModelError):
            return _said(str(error))
        if isinstance(error, OSError):
            return _unwritten(error)
        return _said(f"{contradiction(error)}; {TRACEBACK} shows more")
    return 0


def _unwritten(error: OSError) -> int:
    """The exit status where something cannot be read or written."""
    if isinstance(error, BrokenPipeError):
        return CLOSED_PIPE
    where = f"{error.filename}: " if error.filename else "standard output: "
    return _said(where + (error.strerror or str(error)))


def _said(text: str, code: int = BAD) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"check-invariants: {text}", err=True)
    return code
