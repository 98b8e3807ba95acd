"""Make an upload: leave for a caller to put a file that its next job refers to."""

from dataclasses import dataclass

from darkroom.domain import media
from darkroom.domain.callers import Caller
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.references import MAX_REFERENCE_BYTES
from darkroom.ports import Clock, Ticket, Uploads

CONTENT_TYPES = tuple(known.content_type for known in media.PICTURES)


@dataclass(frozen=True)
class MakeUpload:
    """Check what is announced, and give leave for exactly that."""

    uploads: Uploads
    now: Clock

    def __call__(self, caller: Caller, content_type: object, size: object) -> Ticket:
        """Return the ticket; raises InvalidRequestError."""
        problems: list[FieldProblem] = []
        if content_type not in CONTENT_TYPES:
            problems.append(
                FieldProblem(
                    field="content_type",
                    message="is missing" if content_type is None else "is not one of the values",
                    allowed=", ".join(CONTENT_TYPES),
                )
            )
        is_size = isinstance(size, int) and not isinstance(size, bool)
        if not (is_size and 1 <= int(str(size)) <= MAX_REFERENCE_BYTES):
            problems.append(
                FieldProblem(
                    field="size",
                    message="is missing" if size is None else "is not valid",
                    allowed=f"a whole number of bytes, 1 to {MAX_REFERENCE_BYTES}",
                )
            )
        if problems:
            raise InvalidRequestError(problems)
        return self.uploads.ticket(caller.name, str(content_type), int(str(size)), self.now())
