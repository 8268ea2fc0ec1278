# SPDX-License-Identifier: GPL-2.0-only
"""The answer to one question: verdicts by side and architecture, with traces."""
