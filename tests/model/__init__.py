# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the models: the language, and that both ways to run a model agree."""
