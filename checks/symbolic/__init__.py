# SPDX-License-Identifier: GPL-2.0-only
"""Finite systems as Z3 terms: every path of so many steps at once, and proofs by induction."""

import z3.z3

# Its Python half asks for the sorts of each argument of each call, which takes as long as all else
# does.  What does not fit its other half refuses, too.
z3.z3.Z3_DEBUG = False
