# SPDX-License-Identifier: GPL-2.0-only
"""Drift: which modelled functions differ in a kernel tree from what was modelled."""
