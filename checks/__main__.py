# SPDX-License-Identifier: GPL-2.0-only
"""``python -m checks``: the command, where its console script is not on the path."""

from .cli import main

main()
