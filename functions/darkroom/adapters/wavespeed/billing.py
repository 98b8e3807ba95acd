"""WaveSpeedAI's billing over HTTP: all ledger entries of a period, each once, or an error."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN
from typing import Any

import httpx

from darkroom.adapters.wavespeed.http import (
    Key,
    authorized,
    micro_usd,
    read_data,
    read_moment,
    tls_context,
    write_moment,
)
from darkroom.adapters.wavespeed.replies import read_envelope
from darkroom.domain.bills import EntryType, LedgerEntry
from darkroom.ports import Sleep

_TIMEOUT = httpx.Timeout(20, connect=5)
_PAGE = 100
# Pages are numbered from the newest entry, and high page numbers are slow: read a day hour by hour.
_CHUNK = timedelta(hours=1)
_MAX_PAGES = 1_000  # of a chunk
# The documentation does not say whether the bounds are inclusive, so each query overlaps.
_MARGIN = timedelta(seconds=1)
# Seconds before each retry of a page: among a thousand pages, single failures are likely.
_RETRY_WAITS = (2.0, 10.0, 60.0)
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})

type _Query = dict[str, Any]


class WaveSpeedBilling:
    """Port `Billing` over HTTP."""

    def __init__(
        self,
        base_url: str,
        key: Key,
        transport: httpx.BaseTransport | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/api/v3/billings/search"
        self._key = key
        self._sleep = sleep
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls_context())

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        """Return all entries from `start` to before `end`, in no order; None if unreadable."""
        entries: dict[str, LedgerEntry] = {}
        for after, before in _chunks(start, end):
            for kind in EntryType:
                query = {
                    "page_size": _PAGE,
                    "billing_type": str(kind),
                    "start_time": write_moment(after - _MARGIN),
                    "end_time": write_moment(before + _MARGIN),
                }
                if not self._read(query, kind, entries):
                    return None
        return [entry for entry in entries.values() if start <= entry.at < end]

    def _read(self, query: _Query, kind: EntryType, into: dict[str, LedgerEntry]) -> bool:
        """Add all pages of a query to `into`; return False if they could not be read completely."""
        seen: set[str] = set()
        for page in range(1, _MAX_PAGES + 1):
            data = self._read_page(query | {"page": page})
            if data is None:
                return False
            try:
                entries = _entries(data, kind)
            except (ValueError, KeyError):
                return False
            into |= entries
            if data.get("has_more") is not True:
                return True
            if entries.keys() <= seen:
                return False  # the page repeats known entries: the query would never end
            seen |= entries.keys()
        return False

    def _read_page(self, query: _Query) -> Mapping[str, Any] | None:
        data, can_retry = self._send(query)
        for wait in _RETRY_WAITS:
            if data is not None or not can_retry:
                break
            self._sleep(wait)
            data, can_retry = self._send(query)
        return data

    def _send(self, query: _Query) -> tuple[Mapping[str, Any] | None, bool]:
        """Return the data of the response, or None if unreadable, and whether a retry may help."""
        try:
            response = authorized(self._client, self._key, "POST", self._url, query)
        except (httpx.TransportError, httpx.DecodingError):
            return None, True
        data = read_data(response)
        # A refusal of the API is final, an answer of an edge in its place is not.
        is_refused = read_envelope(response) is not None and response.status_code not in _TRANSIENT
        return data, response.is_success or not is_refused


def _chunks(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + _CHUNK, end)
        start += _CHUNK


def _entries(data: Mapping[str, Any], kind: EntryType) -> dict[str, LedgerEntry]:
    """Return the entries of a page by id. Raises ValueError or KeyError if one is unreadable.

    Skipping an unreadable entry would make its job look uncharged.
    """
    items = data["items"]
    if items is None:  # some JSON encoders write an empty list as null
        return {}
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ValueError("no list of ledger entries")
    return {_text(item["uuid"]): _entry(item, kind) for item in items}


def _entry(item: Mapping[str, Any], kind: EntryType) -> LedgerEntry:
    if item.get("billing_type", kind) != kind:
        raise ValueError("a ledger entry of another type than requested")
    amount = micro_usd(item["price"])
    if amount is None:
        raise ValueError("no amount")
    # Ledger entries that do not belong to a prediction name none.
    prediction = item.get("prediction")
    prediction = prediction if isinstance(prediction, Mapping) else {}
    return LedgerEntry(
        kind=kind,
        prediction_id=str(prediction.get("uuid") or ""),
        micro_usd=abs(int(amount.to_integral_value(ROUND_HALF_EVEN))),
        at=read_moment(item["created_at"]),
        model=str(prediction.get("model_uuid") or ""),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no id")
    return value
