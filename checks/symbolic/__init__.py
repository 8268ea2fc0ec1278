# SPDX-License-Identifier: GPL-2.0-only
"""Proofs for any number of objects (Z3): quantified cores, their inductive invariants, and what
they have to do with the models that are enumerated.  Nothing else imports Z3."""

import z3.z3

# Its Python half asks for the sorts of each argument of each call, which takes as long as all else
# does.  What does not fit its other half refuses, too.
z3.z3.Z3_DEBUG = False
