"""WaveSpeedAI's bills, over HTTP: every movement of a time, each once, or nothing."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN
from typing import Any

import httpx

from darkroom.adapters import tls
from darkroom.adapters.wavespeed_http import (
    Key,
    authorized,
    micro_usd,
    read_data,
    read_moment,
    write_moment,
)
from darkroom.domain.bills import EntryType, LedgerEntry
from darkroom.ports import Sleep

_TIMEOUT = httpx.Timeout(20, connect=5)
_PAGE = 100
# Pages are counted from the newest, and a page far from there is slow: a day is read in parts.
_PART = timedelta(hours=1)
_MAX_PAGES = 1_000  # of a part
# Whether a part's ends belong to it is not documented: it is asked for with a little more.
_MARGIN = timedelta(seconds=1)
# Of a thousand pages one may well fail: seconds before each further try of it.
_WAITS = (2.0, 10.0, 60.0)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})

type _Query = dict[str, Any]


class WaveSpeedBilling:
    """The port Billing."""

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
        self._client = httpx.Client(timeout=_TIMEOUT, transport=transport, verify=tls.context())

    def charges(self, start: datetime, end: datetime) -> list[LedgerEntry] | None:
        """Return every movement from `start` to before `end`, each once, in no order."""
        found: dict[str, LedgerEntry] = {}
        for after, before in _parts(start, end):
            for kind in EntryType:
                query = {
                    "page_size": _PAGE,
                    "billing_type": str(kind),
                    "start_time": write_moment(after - _MARGIN),
                    "end_time": write_moment(before + _MARGIN),
                }
                if not self._read(query, kind, found):
                    return None
        return [each for each in found.values() if start <= each.at < end]

    def _read(self, query: _Query, kind: EntryType, into: dict[str, LedgerEntry]) -> bool:
        """Add what a query finds, page by page; False if it could not be read to its end."""
        seen: set[str] = set()
        for page in range(1, _MAX_PAGES + 1):
            data = self._ask(query | {"page": page})
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
                return False  # the same again: it would go on for ever
            seen |= entries.keys()
        return False

    def _ask(self, query: _Query) -> Mapping[str, Any] | None:
        data, may_pass = self._try(query)
        for wait in _WAITS:
            if data is not None or not may_pass:
                break
            self._sleep(wait)
            data, may_pass = self._try(query)
        return data

    def _try(self, query: _Query) -> tuple[Mapping[str, Any] | None, bool]:
        """Return what is answered, if it can be read, and whether another try may be better."""
        try:
            response = authorized(self._client, self._key, "POST", self._url, query)
        except (httpx.TransportError, httpx.DecodingError):
            return None, True
        is_passing = response.is_success or response.status_code in _PASSING
        return read_data(response), is_passing


def _parts(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + _PART, end)
        start += _PART


def _entries(data: Mapping[str, Any], kind: EntryType) -> dict[str, LedgerEntry]:
    """Return a page's movements by their ids; raises ValueError or KeyError if one is unreadable.

    One that is left out would make its job look uncharged.
    """
    items = data["items"]
    if items is None:  # an empty list, to some JSON writers
        return {}
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ValueError("no list of movements")
    return {_text(item["uuid"]): _entry(item, kind) for item in items}


def _entry(item: Mapping[str, Any], kind: EntryType) -> LedgerEntry:
    if item.get("billing_type", kind) != kind:
        raise ValueError("another kind of movement than was asked for")
    amount = micro_usd(item["price"])
    if amount is None:
        raise ValueError("no amount")
    # Another line of the account than a prediction's names none.
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
