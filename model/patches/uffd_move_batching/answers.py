# SPDX-License-Identifier: GPL-2.0-only
"""Questions of the review of the batching patch, and the command that answers each."""

from __future__ import annotations

from ..family import Asked

_NAME = "uffd_move_batching"

QUESTIONS = (
    Asked(
        "Is pte_none() needed beside pte_present()?",
        f"necessity {_NAME} --variant v3 --step 'no check pte_none(orig_src_pte), check_ptes*'",
        "not shown needed in this model",
    ),
    Asked(
        "Is flush_cache_range() needed for the zero page?",
        "",
        "not modelled: no architecture that is modelled has an aliasing cache",
    ),
    Asked(
        "May the later folios of a batch go without a reference?",
        f"{_NAME} --variant v3 --invariant no_use_of_a_free_folio",
        "in v3 it is VIOLATED: the last folio is unlocked after the page-table lock, under which "
        "its entry keeps it, is dropped; the merged form holds",
    ),
    Asked(
        "Does the call report what it has moved?",
        f"{_NAME} --variant merged --invariant reports_what_it_did",
        "not from 6.18 on: an -EAGAIN is kept, so that a page that the next try moves is tried "
        "again and the call says -EEXIST; 7.3 sets the error back",
    ),
)
