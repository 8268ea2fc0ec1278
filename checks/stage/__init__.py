# SPDX-License-Identifier: GPL-2.0-only
"""Stages: from a cast on an architecture to a system that an engine decides."""
