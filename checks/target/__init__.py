# SPDX-License-Identifier: GPL-2.0-only
"""Targets, which PATCH names: a stored patch, a file with one in it, or a model of one's own."""
