# SPDX-License-Identifier: GPL-2.0-only
"""The oracle: what a system means, by an explorer that shares no code with `checks`.

`naive` explores and judges traces; `statements`, `generate` and `write` make random systems;
`compare` holds the reductions and engines against it, `real` does so on casts, `shrink` makes what
differs small.  ``python -m tests.oracle`` runs as many as it is asked for.
"""
