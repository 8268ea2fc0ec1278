# SPDX-License-Identifier: GPL-2.0-only
"""From the PATCH of a command line to targets, or to a submission that is not decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from model.lang.errors import ModelError
from model.patches import FAMILIES

from ..patch_input import Submission, read_submissions
from .target import Target, as_posted, by_name, is_name, no_such_patch, own_model


def target_of(patch: str, variant: str) -> Target:
    """The one target that a command is about; ModelError if PATCH is none, or several."""
    found = targets_of(patch, variant)
    targets = [s for s in found if isinstance(s, Target)]
    if len(found) != 1 or not targets:
        raise ModelError(
            f"{patch} is not one patch that can be decided",
            why=f"it has {len(found)}, of which {len(targets)} are stored versions",
            instead=f"`check-invariants {patch}` says what it is",
        )  # fmt: skip
    return targets[0]


ALL = "all"
"""The PATCH that is every stored patch."""

_MAILS = frozenset((".patch", ".diff", ".mbox", ".eml", ".mail"))


def is_several(patches: Sequence[str]) -> bool:
    """True if what is given may be more than one patch: it is answered by a summary."""
    return len(patches) > 1 or patches[0] == ALL or Path(patches[0]).is_dir()


def each_of(patches: Iterable[str]) -> list[str]:
    """Each PATCH by itself, in order: `all` are the stored ones, a directory the files in it that
    are patches by their name, or models by their text.

    ModelError for a directory that has none.
    """
    found: list[str] = []
    for patch in patches:
        if patch == ALL:
            found += FAMILIES
        elif patch not in FAMILIES and Path(patch).is_dir():
            here = sorted(p for p in Path(patch).iterdir() if p.is_file() and _is_patch(p))
            if not here:
                kinds = ", ".join(sorted(_MAILS))
                raise ModelError(
                    f"{patch} has no patch in it",
                    why=f"what ends in {kinds}, and .py with VARIANT or FAMILY, is taken for one",
                )
            found += map(str, here)
        else:
            found.append(patch)
    return list(dict.fromkeys(found))


def _is_patch(path: Path) -> bool:
    """True for a mail or diff, or a Python file that says what is to be decided; no other Python
    file is run."""
    if path.suffix == ".py":
        return re.search(r"(?m)^(VARIANT|FAMILY)\b", path.read_text(errors="replace")) is not None
    return path.suffix in _MAILS


def targets_of(patch: str, variant: str) -> list[Target | Submission]:
    """Targets of a PATCH, in order; a Submission is one that no stored version is.

    ModelError for a name that is not known, or a file that cannot be read.
    """
    if patch in FAMILIES:
        return [by_name(patch, variant)]
    if is_name(patch):
        raise no_such_patch(patch)
    if patch.endswith(".py") and Path(patch).is_file():
        return [own_model(patch, variant)]
    found: list[Target | Submission] = []
    for submission in read_submissions(patch):
        if submission.match is None:
            found.append(submission)
        else:
            how = f"{submission.source} is {submission.match.patch} {submission.match.variant}"
            found.append(as_posted(submission.match.patch, submission.match.variant, how))
    return found
