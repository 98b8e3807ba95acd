"""HTTP requests, with their caller and validated parameters, and JSON responses."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel
from pydantic_core import from_json

from darkroom.api.problems import MediaTypeError, TooLargeError
from darkroom.api.schemas import MAX_BODY_BYTES, MAX_FORM_BYTES
from darkroom.domain import callers
from darkroom.domain.callers import Caller, Role
from darkroom.domain.errors import ForbiddenError, InvalidRequestError, megabytes
from darkroom.domain.identity import is_job_id
from darkroom.domain.parsing import MAX_FIELD_NAME
from darkroom.domain.values import given
from darkroom.domain.wavespeed_prediction import WAVESPEED_PREFIX
from darkroom.ports import Cursor, Prices, Quote
from darkroom.usecases.jobs.create_job import RequestSource

_KEY = re.compile(r"[\x21-\x7e]{1,256}")
# A string of a structured header (RFC 8941).
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BOUNDARY = re.compile(
    r"multipart/form-data *;.*?\bboundary *= *(?:\"([!-~ ]{1,70})\"|([!#-:<-~]{1,70}))(?: *;.*)?",
    re.I | re.S,
)
_PARAMETER = re.compile(r'; *(name|filename\*?) *= *(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', re.I)
# JSON, no type at all, and the types that programs send when none is set. The body decides.
_JSON_TYPE = re.compile(
    r"|(application|text)/([\w.+-]+\+)?(x-)?json"
    r"|text/plain|application/(x-www-form-urlencoded|octet-stream)",
    re.I,
)
_CHARSET = re.compile(r"(?:^|;)\s*charset\s*=\s*[\"']?([^\s;\"']*)", re.I)
_UTF_8 = frozenset({"", "utf-8", "utf8", "ascii", "us-ascii"})
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# API Gateway replaces bytes that are not UTF-8 with this character.
_REPLACEMENT = "\ufffd"
_LAST_DAY = date(9999, 12, 30)  # a day has an end
_MAX_TOKEN = 40  # characters of a header's value in a message

# The price of a model with an input and a number of images.
type Price = Callable[[str, dict[str, Any], int], Quote | None]

# API Gateway caches contexts for 30 seconds, so after an update some come from the version before.
_ABSENT = {"models": "", "callback_url": "", "reuse_seconds": "0"}


@dataclass(frozen=True)
class HttpRequest:
    """A request of an authorized caller."""

    event: APIGatewayProxyEvent
    caller: Caller
    role: Role
    callback_url: str | None = None  # of the key
    reuse_seconds: int = 0  # of the key

    @classmethod
    def of(cls, event: APIGatewayProxyEvent) -> "HttpRequest":
        """Return the request with the caller from the authorizer's context."""
        context = _ABSENT | event.raw_event["requestContext"]["authorizer"]
        role = Role(context["role"])
        identity = event.raw_event["requestContext"].get("identity") or {}
        caller = callers.of_key(
            context["name"],
            role,
            key_id=context["principalId"],
            source_ip=identity.get("sourceIp"),
            models=tuple(context["models"].split()),
        )
        callback_url, reuse_seconds = context["callback_url"], context["reuse_seconds"]
        return cls(event, caller, role, callback_url or None, int(reuse_seconds))

    def must_submit(self) -> None:
        """Raise ForbiddenError if the key has the role read."""
        if self.role is Role.READ:
            raise ForbiddenError(
                "This API key has the role read. Use a key with the role submit or admin."
            )

    def must_be_admin(self, act: str) -> None:
        """Raise ForbiddenError unless the key has the role admin, which may do the act."""
        if self.role is not Role.ADMIN:
            raise ForbiddenError(
                f"This API key has the role {self.role}. Only a key with the role admin can {act}."
            )

    def price(self, prices: Prices) -> Price:
        """Return the prices for this key. A key with the role read sends the provider nothing."""
        return prices.published if self.role is Role.READ else prices.quote

    def header(self, name: str) -> str | None:
        """Return a header, ignoring the case of its name; None if it is missing."""
        headers: dict[str, str] = self.event.raw_event.get("headers") or {}
        return next((value for key, value in headers.items() if key.lower() == name), None)

    def query(self, name: str) -> str | None:
        """Return a query parameter; None if it is missing."""
        return self._query.get(name)

    def only(self, *names: str) -> None:
        """Raise InvalidRequestError if the query has a parameter that is not in `names`."""
        for name in self._query.keys() - set(names):
            allowed = ", ".join(names) or "none"
            field = name[:MAX_FIELD_NAME]
            message = f"`{field}` is not a parameter of this route. Allowed parameters: {allowed}."
            raise InvalidRequestError.of(field, message, allowed)

    def owner_filter(self) -> str | None:
        """Return the name of the caller to list, or None to list all callers.

        Raises ForbiddenError if the key may not list that caller, or InvalidRequestError.
        """
        owner = self.query("caller")
        if owner is not None and not callers.is_name(owner):
            raise _invalid("caller", "the name of a caller, such as key:shop")
        if self.caller.can_read_all:
            return owner
        if owner not in (None, self.caller.name):
            raise ForbiddenError(
                "Only a key with the role admin can read other callers' data. Leave out `caller`."
            )
        return self.caller.name

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a query parameter as a number; None if missing. Raises InvalidRequestError."""
        text = self.query(name)
        if text is None:
            return None
        if not (re.fullmatch(r"[0-9]{1,9}", text) and low <= int(text) <= high):
            raise _invalid(name, f"a whole number, {low} to {high}")
        return int(text)

    def choice[E: StrEnum](self, name: str, values: type[E]) -> E | None:
        """Return a query parameter as an enum; None if missing. Raises InvalidRequestError."""
        text = self.query(name)
        if text is None:
            return None
        try:
            return values(text.strip().lower())
        except ValueError:
            allowed = ", ".join(values)
            message = f"`{name}` must be one of {allowed}."
            raise InvalidRequestError.of(name, message, allowed) from None

    def flag(self, name: str) -> bool | None:
        """Return a query parameter as a boolean; None if missing. Raises InvalidRequestError."""
        text = self.query(name)
        if text not in (None, "true", "false"):
            raise _invalid(name, "true or false")
        return None if text is None else text == "true"

    def day(self, name: str) -> date | None:
        """Return a query parameter as a day; None if missing. Raises InvalidRequestError."""
        text = self.query(name)
        if text is None:
            return None
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                return min(date.fromisoformat(text), _LAST_DAY)
        except ValueError:
            pass
        raise _invalid(name, "a day in UTC, such as 2026-07-31")

    def text(self, name: str, limit: int) -> str | None:
        """Return a query parameter of limited length; None if missing.

        Raises InvalidRequestError.
        """
        text = self.query(name)
        if text is not None and not 1 <= len(text) <= limit:
            raise _invalid(name, f"1 to {limit} characters")
        return text

    def idempotency_key(self) -> str:
        """Return the Idempotency-Key header, or a random key. Raises InvalidRequestError.

        A quoted key, as in the RFC draft of the header, is the same key as without quotes.
        """
        key = self.header("idempotency-key")
        if key is None:
            return f"request-{uuid.uuid4()}"
        if quoted := _QUOTED.fullmatch(key.strip()):
            key = re.sub(r"\\(.)", r"\1", quoted[1])
        if not _KEY.fullmatch(key):
            raise _invalid("Idempotency-Key", "1 to 256 characters of ASCII without spaces")
        return key

    def cursor(self) -> Cursor | None:
        """Return the parameter `cursor`; None if missing. Raises InvalidRequestError."""
        encoded = self.query("cursor")
        return None if encoded is None else _decode_cursor(encoded)

    def source(self) -> RequestSource:
        """Return the origin of a job or batch. Raises InvalidRequestError."""
        return RequestSource(
            self.caller,
            self.idempotency_key(),
            self.event.request_context.request_id,
            callback_url=self.callback_url,
            reuse_seconds=self.reuse_seconds,
        )

    def json_object(self, fields: Iterable[str]) -> dict[str, Any]:
        """Return the given fields of the body, an object with `fields`. Raises like `json`."""
        body = self.json()
        if not isinstance(body, dict):
            allowed = ", ".join(fields)
            message = f"The body must be a JSON object with the fields {allowed}."
            raise InvalidRequestError.of("", message, allowed)
        return given(body)

    def json(self) -> Any:
        """Return the parsed body. Raises MediaTypeError, TooLargeError or InvalidRequestError."""
        self._require_json_type()
        body = self._bytes()
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(
                f"The body is {megabytes(len(body))}; the limit is {megabytes(MAX_BODY_BYTES)}."
                " Upload larger images with POST /v1/uploads, or refer to them by URL."
            )
        if _REPLACEMENT.encode() in body and not self.event.raw_event.get("isBase64Encoded"):
            raise InvalidRequestError.of(
                "",
                "The body is not valid UTF-8, or contains the character U+FFFD, which replaces"
                " invalid bytes. Send JSON in UTF-8. Write a U+FFFD that is meant as \\ufffd.",
                "JSON in UTF-8",
            )
        try:
            # NaN and lone surrogates are rejected, because a response could not contain them.
            return from_json(body.removeprefix(_BYTE_ORDER_MARK), allow_inf_nan=False)
        except ValueError:
            allowed = "JSON in UTF-8"
            message = f"The body is not valid JSON. Send {allowed}."
            raise InvalidRequestError.of("", message, allowed) from None

    def _require_json_type(self) -> None:
        """Raise MediaTypeError if the headers declare another format, charset or a compression."""
        encoding = (self.header("content-encoding") or "identity").strip()
        if encoding.lower() != "identity":
            raise MediaTypeError(
                f"The body has Content-Encoding: {encoding[:_MAX_TOKEN]}. Send it uncompressed."
            )
        media_type, _, parameters = (self.header("content-type") or "").partition(";")
        if not _JSON_TYPE.fullmatch(media_type.strip()):
            raise MediaTypeError("Send the body with Content-Type: application/json, in UTF-8.")
        charset = match[1] if (match := _CHARSET.search(parameters)) else ""
        if charset.lower() not in _UTF_8:
            raise MediaTypeError(
                f"The body has charset={charset[:_MAX_TOKEN]}. Send application/json in UTF-8."
            )

    def form_file(self) -> tuple[str, bytes]:
        """Return the name and the content of the field `file` of a multipart form.

        Raises MediaTypeError, TooLargeError or InvalidRequestError.
        """
        content_type = self.header("content-type") or ""
        boundary = _BOUNDARY.fullmatch(content_type.strip())
        if boundary is None:
            raise MediaTypeError("Send the file as multipart/form-data, in the field `file`.")
        delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode()
        body = self._bytes()
        if len(body) > MAX_FORM_BYTES:
            raise TooLargeError(
                f"The form is {megabytes(len(body))}; the limit is {megabytes(MAX_FORM_BYTES)}."
                " Upload larger files with POST /api/v3/media/uploads or POST /v1/uploads."
            )
        for part in (b"\r\n" + body).split(delimiter)[1:]:
            head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            fields = _disposition(head.decode(errors="replace"))
            if fields.get("name") == "file" and content:
                return fields.get("filename*") or fields.get("filename") or "upload", content
        raise InvalidRequestError.of(
            "file", "The form has no `file` with content. Send the file in this field.", "a file"
        )

    @property
    def _query(self) -> dict[str, str]:
        return self.event.raw_event.get("queryStringParameters") or {}

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
        """The path of the request, including the stage name."""
        path: str = self.event.raw_event["requestContext"]["path"]
        return path

    @property
    def base_url(self) -> str:
        """The URL up to the API's own path: scheme, host and a path prefix."""
        return f"{self.origin}{self.full_path.partition(WAVESPEED_PREFIX)[0]}"

    @property
    def origin(self) -> str:
        """The scheme and the host of the request."""
        return f"{self.header('x-forwarded-proto') or 'http'}://{self.header('host')}"


def _disposition(head: str) -> dict[str, str]:
    """Return the parameters in the Content-Disposition of a form's part."""
    line = re.search(r"^content-disposition *:(.*)", head, re.I | re.M)
    fields: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(line[1] if line else ""):
        value = re.sub(r"\\(.)", r"\1", quoted) or token
        # RFC 5987: the character set, the language and the percent-encoded text.
        fields[name.lower()] = unquote(value.rpartition("'")[2]) if name[-1] == "*" else value
    return fields


def _invalid(name: str, allowed: str) -> InvalidRequestError:
    return InvalidRequestError.of(name, f"`{name}` must be {allowed}.", allowed)


def reply(
    status: int,
    body: BaseModel | dict[str, object],
    content_type: str = "application/json",
    **headers: str,
) -> Response[str]:
    """Return a response. Header names have underscores instead of dashes."""
    text = body.model_dump_json() if isinstance(body, BaseModel) else json.dumps(body)
    extra_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    # Responses depend on the caller and the time, so caches must not store them.
    return Response(
        status_code=status,
        content_type=content_type,
        body=text,
        headers={"Cache-Control": "no-store", **extra_headers},
    )


def success(data: object) -> Response[str]:
    """Return a successful response in the provider's envelope."""
    return reply(200, {"code": 200, "message": "success", "data": data})


def encode_cursor(cursor: Cursor | None) -> str | None:
    """Return a cursor as an opaque string."""
    if cursor is None:
        return None
    text = json.dumps([cursor.accepted_at.isoformat(), cursor.job_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode_cursor(encoded: str) -> Cursor:
    """Return the cursor from `encode_cursor`. Raises InvalidRequestError if it is not valid."""
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        time_text, id_value = json.loads(text)
        accepted_at, job_id = datetime.fromisoformat(time_text).astimezone(UTC), str(id_value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        accepted_at, job_id = datetime.now(UTC), ""
    if not is_job_id(job_id):
        raise InvalidRequestError.of(
            "cursor",
            "`cursor` is not valid. Use the `cursor` of the previous page.",
            "the cursor of the page before",
        )
    return Cursor(accepted_at, job_id)
