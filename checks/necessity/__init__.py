# SPDX-License-Identifier: GPL-2.0-only
"""The ledger of a routine: what breaks without each of its steps."""
