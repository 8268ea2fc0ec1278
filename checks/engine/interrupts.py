# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts: where one was noticed, what has not begun yet does not begin any more."""

from __future__ import annotations

import signal
from types import FrameType

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


def heed() -> None:
    """Notice each interrupt as the signal comes, unless this process was told to ignore them.

    What it interrupts may lose the exception (Python drops what a destructor raises) or hide it
    (what ctypes calls to convert an argument gives an ArgumentError).
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_signal)


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(notice())
