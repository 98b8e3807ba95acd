"""Make an upload: leave for a caller to put a file that its next job refers to."""

from dataclasses import dataclass

from darkroom.domain import media
from darkroom.domain.batch_file import BATCH_FILE_TYPES, MAX_BATCH_FILE_BYTES
from darkroom.domain.callers import Caller
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.references import MAX_REFERENCE_BYTES
from darkroom.ports import Clock, PresignedUpload, Uploads

# How many bytes a file of each type may have: pictures, and files of rows.
_SIZES = {known.content_type: MAX_REFERENCE_BYTES for known in media.PICTURES} | dict.fromkeys(
    BATCH_FILE_TYPES.values(), MAX_BATCH_FILE_BYTES
)


@dataclass(frozen=True)
class MakeUpload:
    """Check what is announced, and give leave for exactly that."""

    uploads: Uploads
    now: Clock

    def __call__(self, caller: Caller, content_type: object, size: object) -> PresignedUpload:
        """Return the ticket; raises InvalidRequestError."""
        problems: list[FieldProblem] = []
        limit = _SIZES.get(str(content_type))
        if limit is None:
            problems.append(
                FieldProblem(
                    field="content_type",
                    message="is missing" if content_type is None else "is not one of the values",
                    allowed=", ".join(_SIZES),
                )
            )
        is_size = isinstance(size, int) and not isinstance(size, bool)
        most = limit or MAX_REFERENCE_BYTES
        if not (is_size and 1 <= int(str(size)) <= most):
            problems.append(
                FieldProblem(
                    field="size",
                    message="is missing" if size is None else "is not valid",
                    allowed=f"a whole number of bytes, 1 to {most}",
                )
            )
        if problems:
            raise InvalidRequestError(problems)
        return self.uploads.presign(caller.name, str(content_type), int(str(size)), self.now())
