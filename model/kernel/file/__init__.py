# SPDX-License-Identifier: GPL-2.0-only
"""Pages of files: shmem, and the VMAs that map a file."""
