# SPDX-License-Identifier: GPL-2.0-only
"""Turns what a user hands in (a diff, a mail, a mail box, a review) into what it is.

    mail        bytes to texts: mail boxes, encodings, charsets
    quoted      a text to diffs, repaired: quoting, review between the lines, lost indentation
    functions   which function a line belongs to
    tokens      C tokens
    diff        a diff to what it removes and adds, by function
    recognise   which stored version that is, exactly, or which one it is near
    commits     lists of commits
    read        all of these in turn
    store       how a version of a patch comes to be stored

Recognition errs on one side only: a patch that is not token for token a stored version is never
taken for one.
"""

from .read import Submission, read_submissions
from .recognise import Match

__all__ = ["Match", "Submission", "read_submissions"]
