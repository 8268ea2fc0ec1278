# SPDX-License-Identifier: GPL-2.0-only
"""Our explorers against other checkers: ``python -m tests.bench``.  Not part of the tests."""
