# SPDX-License-Identifier: GPL-2.0-only
"""Hardware: processors, page tables and TLBs, and what each architecture does to flush them."""
