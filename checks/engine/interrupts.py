# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts: where one was noticed, what has not begun yet does not begin any more."""

from __future__ import annotations

INTERRUPTED = "interrupted"
"""The reason of a search that was."""

_noticed = False


def notice() -> str:
    """Keep in mind that the user has interrupted this process; gives the reason that is said."""
    global _noticed
    _noticed = True
    return INTERRUPTED


def noticed() -> bool:
    """True once the user has interrupted this process."""
    return _noticed


def begin() -> None:
    """Forget earlier ones: another question is asked."""
    global _noticed
    _noticed = False
