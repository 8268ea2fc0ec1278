# SPDX-License-Identifier: GPL-2.0-only
"""Systems that are not patches, decided."""
