"""One HTTP request, read strictly: who asks, what the body says, what the query says."""

import base64
import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic_core import from_json

from darkroom.domain import callers
from darkroom.domain.callers import Caller, Role
from darkroom.domain.errors import ForbiddenError, InvalidRequestError
from darkroom.web.contract import MAX_BODY_BYTES, WAVESPEED_PREFIX
from darkroom.web.problems import MediaTypeError, TooLargeError

_KEY = re.compile(r"[\x21-\x7e]{1,256}")
_JSON = re.compile(r"application/([\w.+-]+\+)?json *(; *charset *= *\"?utf-8\"?)? *", re.I)
# What stands for bytes that were not UTF-8, once API Gateway has made text of them.
_MANGLED = "\ufffd"
_MAX_CALLER = 256  # characters of a name


@dataclass(frozen=True)
class HttpRequest:
    """A request and its caller."""

    event: APIGatewayProxyEvent
    caller: Caller
    role: Role
    daily_budget_micro_usd: int | None

    @classmethod
    def of(cls, event: APIGatewayProxyEvent) -> "HttpRequest":
        """Read who asks out of what the authorizer found."""
        told = event.raw_event["requestContext"]["authorizer"]
        role, budget = Role(told["role"]), told.get("daily_budget_micro_usd")
        caller = callers.of_key(told["name"], role)
        return cls(event, caller, role, int(budget) if budget else None)

    def must_submit(self) -> None:
        """Raise ForbiddenError if the key is only for reading."""
        if self.role is Role.READ:
            raise ForbiddenError("the key's role is read: this needs submit or admin")

    def header(self, name: str) -> str | None:
        """Return a header, whatever case its name arrived in."""
        headers: dict[str, str] = self.event.raw_event.get("headers") or {}
        return next((value for key, value in headers.items() if key.lower() == name), None)

    def query(self, name: str) -> str | None:
        """Return a parameter of the query."""
        given: dict[str, str] = self.event.raw_event.get("queryStringParameters") or {}
        return given.get(name)

    def only(self, *names: str) -> None:
        """Raise InvalidRequestError if the query has a parameter of another name."""
        given: dict[str, str] = self.event.raw_event.get("queryStringParameters") or {}
        for name in given.keys() - set(names):
            allowed = ", ".join(names) or "none"
            raise InvalidRequestError.of(name[:100], "is no parameter of this route", allowed)

    def owner_filter(self) -> str | None:
        """Return whose things are to be listed, None for everybody's.

        Raises ForbiddenError if that is not for this key, or InvalidRequestError.
        """
        owner = self.query("caller")
        if owner is not None and not 1 <= len(owner) <= _MAX_CALLER:
            raise InvalidRequestError.of("caller", "is not valid", f"1 to {_MAX_CALLER} characters")
        if self.caller.can_read_all:
            return owner
        if owner not in (None, self.caller.name):
            raise ForbiddenError("only an admin key sees what is other callers'")
        return self.caller.name

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number of the query; raises InvalidRequestError."""
        text = self.query(name)
        if text is None:
            return None
        if not (re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high):
            raise InvalidRequestError.of(name, "is not valid", f"a whole number, {low} to {high}")
        return int(text)

    def choice[E: StrEnum](self, name: str, values: type[E]) -> E | None:
        """Return one of a closed set out of the query; raises InvalidRequestError."""
        text = self.query(name)
        if text is not None and text not in list(values):
            raise InvalidRequestError.of(name, "is not one of the values", ", ".join(values))
        return None if text is None else values(text)

    def idempotency_key(self) -> str:
        """Return the caller's own key, or a fresh one; raises InvalidRequestError."""
        given = self.header("idempotency-key")
        if given is None:
            return f"request-{uuid.uuid4()}"
        if not _KEY.fullmatch(given):
            raise InvalidRequestError.of(
                "Idempotency-Key", "is not valid", "1 to 256 characters of ASCII without spaces"
            )
        return given

    def json(self) -> Any:
        """Return the body; raises MediaTypeError, TooLargeError or InvalidRequestError."""
        if not _JSON.fullmatch((self.header("content-type") or "").strip()):
            raise MediaTypeError("the body must come with Content-Type: application/json, in UTF-8")
        body = self._bytes()
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(
                f"the body has {len(body):,} bytes; {MAX_BODY_BYTES:,} are taken: put larger"
                " pictures by POST /v1/uploads, or refer to them"
            )
        if _MANGLED.encode() in body:
            raise InvalidRequestError.of("", "is not valid UTF-8", "JSON in UTF-8")
        try:
            # Strict: no NaN, and no half of a surrogate pair, which no answer could repeat.
            return from_json(body, allow_inf_nan=False)
        except ValueError:
            raise InvalidRequestError.of("", "is not valid JSON", "JSON in UTF-8") from None

    def _bytes(self) -> bytes:
        body: str = self.event.raw_event.get("body") or ""
        if not self.event.raw_event.get("isBase64Encoded"):
            return body.encode(errors="replace")
        try:
            return base64.b64decode(body)
        except ValueError:
            return b""

    @property
    def full_path(self) -> str:
        """The path as the client asked for it, the stage's name included."""
        path: str = self.event.raw_event["requestContext"]["path"]
        return path

    @property
    def base_url(self) -> str:
        """Scheme, host and what stands before our own path."""
        scheme = self.header("x-forwarded-proto") or "http"
        return f"{scheme}://{self.header('host')}{self.full_path.partition(WAVESPEED_PREFIX)[0]}"
