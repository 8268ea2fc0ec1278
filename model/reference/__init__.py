# SPDX-License-Identifier: GPL-2.0-only
"""The reference MM: models run for real, with what system calls need around them."""
