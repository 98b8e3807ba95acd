"""Every fault by name: where it strikes, its parameters with their defaults, what it does."""

import json
from dataclasses import dataclass
from typing import Any

Params = dict[str, Any]


@dataclass(frozen=True)
class FaultName:
    """One way to misbehave. The point is the call that it strikes, the kind is what happens."""

    name: str
    point: str
    kind: str
    defaults: Params
    does: str

    def params(self, given: Params) -> Params:
        """Defaults with what was given. Raises ValueError for what this fault does not know."""
        unknown = sorted(set(given) - set(self.defaults))
        if unknown:
            known = ", ".join(self.defaults) or "none"
            msg = f"{self.name} has no parameter {unknown[0]!r} (it has: {known})"
            raise ValueError(msg)
        return self.defaults | {key: self._typed(key, value) for key, value in given.items()}

    def _typed(self, key: str, value: Any) -> Any:
        default = self.defaults[key]
        if isinstance(value, str) and not isinstance(default, str):
            value = _read(value)  # a marker in a prompt has only text
        wanted = (int, float) if isinstance(default, int | float) else type(default)
        if default is not None and not isinstance(value, wanted):
            msg = f"{self.name}: {key} must be like {json.dumps(default)}"
            raise ValueError(msg)
        return value


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


HTTP: Params = {
    "status": 500,
    "body": "json",
    "code": None,
    "message": None,
    "error_code": None,
    "retry_after": None,
}
_WIRE: dict[str, tuple[Params, str]] = {
    "http": (HTTP, "answers with this status; body json, html, xml or empty"),
    "close": ({"how": "reset"}, "closes without an answer; how: reset or fin"),
    "hang": ({"seconds": 120}, "holds the connection without an answer, then closes it"),
    "slow": ({"seconds": 2}, "waits, then answers as usual"),
    "not_json": ({}, "answers 200 with text that is not JSON"),
    "truncated": ({"keep": 0.5}, "answers with the first part of its JSON"),
    "body_code": (
        {"code": 500, "message": "internal error", "error": None},
        "answers 200 whose body says another code; with error also a failed prediction",
    ),
}
_POINTS = ("submit", "poll", "list", "price", "balance", "billing", "upload", "delete")

_TOUCHY = "Content flagged as potentially sensitive. Please try different prompts or images."
_HICCUP = "Something went wrong, please try again later."

_SPECIAL: tuple[tuple[str, str, Params, str], ...] = (
    ("submit.accept_then_close", "close", {"how": "reset", "accepted": True},
     "creates and charges, then closes without an answer"),
    ("submit.accept_then_hang", "hang", {"seconds": 120, "accepted": True},
     "creates and charges, then holds the connection"),
    ("submit.no_id", "no_id", {"accepted": True}, "creates and charges, answers without data.id"),
    ("poll.not_found", "http", HTTP | {"status": 404, "message": "prediction not found"},
     "answers 404, as after a deletion or too soon"),
    ("list.lag", "lag", {"seconds": 60}, "leaves out what was submitted this lately"),
    ("list.no_inputs", "no_inputs", {}, "leaves out the inputs"),
    ("list.shift", "shift", {"by": 1}, "starts the page this many items later"),
    ("price.off", "off", {"factor": 1.5}, "quotes the charge times this"),
    ("run.stuck_created", "stuck_created", {}, "never starts"),
    ("run.stuck_processing", "stuck_processing", {}, "never ends"),
    ("run.status_word", "status_word", {"status": "queued", "at": "running"},
     "uses this word while it runs, or at the end (at=end)"),
    ("run.slow", "slow", {"seconds": 60.0}, "takes this much longer (not scaled)"),
    ("run.duration", "duration", {"seconds": 1.0},
     "starts at once and takes exactly this long (not scaled)"),
    ("run.failed", "failed",
     {"code": 1403, "message": "Request failed. Please check your input parameters and try again.",
      "execution_ms": None}, "ends as failed"),
    ("run.moderated", "failed", {"code": 1200, "message": _TOUCHY, "execution_ms": None},
     "ends as failed, for what was asked"),
    ("run.hiccup", "failed", {"code": 0, "message": _HICCUP, "execution_ms": 0},
     "ends as failed before it was executed"),
    ("run.cancelled", "ended", {"status": "cancelled", "message": "cancelled"},
     "ends as cancelled"),
    ("run.timeout", "ended", {"status": "timeout", "message": "timed out"}, "ends as timeout"),
    ("run.deleted", "ended", {"status": "deleted", "message": "deleted"}, "ends as deleted"),
    ("run.backwards", "backwards", {}, "goes back to waiting in the middle"),
    ("run.empty_outputs", "empty", {}, "completes with outputs []"),
    ("run.null_outputs", "null", {}, "completes with outputs null"),
    ("run.no_outputs", "absent", {}, "completes without outputs"),
    ("run.object_outputs", "objects", {}, "completes with outputs [{url}]"),
    ("run.two_outputs", "two", {}, "completes with two outputs"),
    ("run.nsfw", "nsfw", {}, "completes with has_nsfw_contents [true]"),
    ("run.foreign_urls_get", "foreign_get", {"origin": "https://api.wavespeed.example"},
     "prints a urls.get on another host"),
    ("run.wrong_size", "wrong_size", {"width": 640, "height": 480}, "makes a picture of this size"),
    ("run.charge", "charge", {"factor": 1.5}, "charges the quoted price times this"),
    ("cdn.foreign_host", "foreign_cdn", {"origin": "https://cdn.foreign.example"},
     "prints an output URL on another host"),
    ("cdn.http", "http", HTTP | {"status": 403, "body": "xml"}, "answers with this status"),
    ("cdn.close", "close", {"how": "reset"}, "closes without an answer"),
    ("cdn.hang", "hang", {"seconds": 120}, "holds the connection"),
    ("cdn.slow", "slow", {"seconds": 2, "bytes_per_second": 0}, "waits, then trickles"),
    ("cdn.truncated", "short", {"kind": "length", "keep": 0.5},
     "cuts the body; kind length: below its Content-Length, consistent: with it"),
    ("cdn.wrong_type", "wrong_type", {"content_type": "text/plain"}, "sends this Content-Type"),
    ("cdn.empty", "empty", {}, "sends no bytes"),
    ("cdn.html", "html", {"content_type": "text/html"}, "sends a web page with status 200"),
    ("cdn.redirect", "redirect",
     {"to": "http://169.254.169.254/latest/meta-data/", "status": 302}, "redirects"),
    ("cdn.huge", "huge", {"bytes": 200_000_000, "declared": True},
     "streams this many bytes, with or without a Content-Length"),
)  # fmt: skip


def _all() -> dict[str, FaultName]:
    found = []
    for point in _POINTS:
        for kind, (defaults, does) in _WIRE.items():
            params = dict(defaults)
            if point == "submit" and kind != "slow":
                params["accepted"] = kind in ("not_json", "truncated")
            found.append(FaultName(f"{point}.{kind}", point, kind, params, does))
    for name, kind, params, does in _SPECIAL:
        # A foreign CDN host is decided when the prediction is made, like the rest of its run.
        point = "run" if name == "cdn.foreign_host" else name.partition(".")[0]
        found.append(FaultName(name, point, kind, params, does))
    return {fault.name: fault for fault in found}


FAULTS = _all()


def fault_name(name: str) -> FaultName:
    """The fault of this name. Raises ValueError."""
    if name not in FAULTS:
        msg = f"unknown fault {name!r}"
        raise ValueError(msg)
    return FAULTS[name]
