# SPDX-License-Identifier: GPL-2.0-only
"""From the PATCH of a command line to targets, or to a submission that is not decided."""

from __future__ import annotations

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
