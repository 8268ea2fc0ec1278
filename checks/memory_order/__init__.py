# SPDX-License-Identifier: GPL-2.0-only
"""Memory order: where sequential consistency may not be enough."""
