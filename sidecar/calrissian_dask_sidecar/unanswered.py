"""The cluster that was asked for and never answered: found by the tag that its intent carries.

provision writes `intent` before its POST and removes it once it is known what became of it
(`create_cluster`). An intent that is still there when the pod ends is of a POST whose fate nobody
knows: its client was killed in between.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from calrissian_dask_sidecar.create_cluster import INTENT_SETTLED, owned
from calrissian_dask_sidecar.errors import GatewayError
from calrissian_dask_sidecar.gateway_api import GatewayApi
from calrissian_dask_sidecar.state import State

LIST_AGAIN = 0.5
"""Seconds between looks at the gateway's list for a cluster with our tag."""

NO_TAG = (
    "provision was killed while it asked for a cluster, and the gateway offers no option for a"
    " tag: if a cluster was made, nobody here knows its name"
)


def open_intent(state: State) -> dict[str, Any] | None:
    """The intent of a POST of which nobody knows what became, or None."""
    if not state.present("intent"):
        return None
    intent = state.read("intent") or {}
    record = state.read("cluster") or {}
    answered = state.age(record) <= state.age(intent) if record else False
    return None if answered else intent


def find_unanswered(
    api: GatewayApi,
    intent: Mapping[str, Any],
    age: float,
    owner: str,
    known: set[str],
    until: float,
) -> tuple[set[str], str | None]:
    """The clusters with our tag that are not known yet, and what stays unknown, or None.

    `age` is the intent's, in seconds; `until` a monotonic time. The listing that says "none" must
    have begun when the gateway would have acted already.
    """
    tag = intent.get("tag")
    if not isinstance(tag, str):
        return set(), NO_TAG
    certain = time.monotonic() + INTENT_SETTLED - age
    words = "the gateway's list was not seen late enough to be certain"
    while True:
        began = time.monotonic()
        try:
            fresh = owned(api, tag, owner) - known
        except GatewayError as error:
            words = str(error)
        else:
            if fresh or began > certain:
                return fresh, None
        if time.monotonic() > until:
            return set(), words
        time.sleep(LIST_AGAIN)
