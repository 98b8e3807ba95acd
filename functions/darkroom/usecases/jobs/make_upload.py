"""Make an upload: presign a PUT for a file that a job or batch can then refer to."""

from dataclasses import dataclass

from darkroom.domain import media
from darkroom.domain.batch_file import BATCH_FILE_TYPES, MAX_BATCH_FILE_BYTES
from darkroom.domain.callers import Caller
from darkroom.domain.errors import FieldProblem, InvalidRequestError, megabytes
from darkroom.domain.references import MAX_REFERENCE_BYTES
from darkroom.domain.values import whole
from darkroom.ports import Clock, PresignedUpload, References

# File extension and maximum size in bytes by content type: images and batch files.
_TYPES = {
    known.content_type: (known.extension, MAX_REFERENCE_BYTES) for known in media.REFERENCE_FORMATS
} | {
    content_type: (extension, MAX_BATCH_FILE_BYTES)
    for extension, content_type in BATCH_FILE_TYPES.items()
}
# The type and the limit of a file of any other content type. Its bytes decide when it is used.
_OTHER_TYPE, _OTHER_LIMIT = "application/octet-stream", MAX_BATCH_FILE_BYTES
_IMPLAUSIBLE = 10**12  # bytes; a message does not repeat a longer number


@dataclass(frozen=True)
class MakeUpload:
    """Presign an upload for exactly one size. The content type is a hint: clients often guess it.

    A job or batch that uses the file judges its type by its bytes.
    """

    references: References
    now: Clock

    def run(
        self, caller: Caller, content_type: object, size: object, name: str | None = None
    ) -> PresignedUpload:
        """Return the presigned upload. Raises InvalidRequestError.

        `name` is the file name, if it is known.
        """
        known_type = _known_type(content_type)
        extension, limit = _TYPES.get(known_type, ("", _OTHER_LIMIT))
        size = whole(size)
        problems = []
        if not isinstance(content_type, str | None):
            message = "`content_type` must be a string."
            problems.append(FieldProblem(field="content_type", message=message, allowed="a string"))
        if problem := _size_problem(size, limit, name):
            problems.append(problem)
        if problems:
            raise InvalidRequestError(problems)
        return self.references.presign_upload(
            caller.name, known_type, extension, int(str(size)), self.now()
        )


def _known_type(content_type: object) -> str:
    """Return the content type of an image or a batch file, else application/octet-stream.

    No other type is stored, so that a browser never shows an upload as a page.
    """
    text = str(content_type).partition(";")[0].strip().lower()
    return text if text in _TYPES else _OTHER_TYPE


def _size_problem(size: object, limit: int, name: str | None) -> FieldProblem | None:
    allowed = f"a whole number of bytes, 1 to {limit}"
    if size is None:
        message = f"`size` is missing. Use {allowed}."
    elif not isinstance(size, int) or isinstance(size, bool) or not 1 <= size < _IMPLAUSIBLE:
        message = f"`size` must be {allowed}."
    elif size > limit:
        message = f"{name or 'The file'} is {megabytes(size)}; the limit is {megabytes(limit)}."
    else:
        return None
    return FieldProblem(field="size", message=message, allowed=allowed)
