# SPDX-License-Identifier: GPL-2.0-only
"""The native explorer, an extension of the package in C."""
