# SPDX-License-Identifier: GPL-2.0-only
"""hugetlb: huge pages of files, and page tables that VMAs share."""
