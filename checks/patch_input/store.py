# SPDX-License-Identifier: GPL-2.0-only
"""Stores a version of a patch, so that it is recognised: hashes and call names, no kernel text.

    python -m checks.patch_input.store NAME VARIANT FILE [--source WHERE] [--to FOLDER]

NAME and VARIANT are those of `model/patches`; FILE is the diff as published (``git format-patch``,
``diff -u -p``) or a mail that has it.  WHERE says where it was published: a message id, a commit.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from model.lang.errors import ModelError

from .diff import Change, read_change
from .mail import read_texts
from .quoted import find_diffs
from .read import read_bytes
from .recognise import Match, to_json

STORED = Path(__file__).parent / "stored"
_NAME = re.compile(r"\w+$")


def change_of(path: str) -> Change:
    """The one complete diff of a file; ModelError if there is none, or more than one."""
    found = [one for text in read_texts(read_bytes(path)) for one in find_diffs(text.body)]
    whole = [one for one in found if one.complete]
    if len(whole) != 1:
        raise ModelError(f"has {len(whole)} complete diffs", where=path, instead="give one")
    return read_change(whole[0])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m checks.patch_input.store")
    parser.add_argument("name")
    parser.add_argument("variant")
    parser.add_argument("file")
    parser.add_argument("--source", default="", help="where it was published")
    parser.add_argument("--to", type=Path, default=STORED, help="folder; default: the package's")
    given = parser.parse_args(arguments)
    try:
        for name in (given.name, given.variant):
            if not _NAME.match(name):
                raise ModelError(f"'{name}' is no name", instead="use letters, digits and _")
        text = to_json(Match(given.name, given.variant), given.source, change_of(given.file))
        (given.to / f"{given.name}.{given.variant}.json").write_text(text, encoding="utf-8")
    except (ModelError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
