# SPDX-License-Identifier: GPL-2.0-only
"""The order in which locks are taken: what is seen in runs, the graph of it, what is documented."""
