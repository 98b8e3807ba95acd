"""Make an upload: presign a PUT for a file that a job or batch can then refer to."""

from dataclasses import dataclass

from darkroom.domain import media
from darkroom.domain.batch_file import BATCH_FILE_TYPES, MAX_BATCH_FILE_BYTES
from darkroom.domain.callers import Caller
from darkroom.domain.errors import FieldProblem, InvalidRequestError, megabytes
from darkroom.domain.references import MAX_REFERENCE_BYTES, unsupported_file
from darkroom.domain.values import whole
from darkroom.ports import Clock, PresignedUpload, References

# File extension and maximum size in bytes by content type: images and batch files.
_TYPES = {
    known.content_type: (known.extension, MAX_REFERENCE_BYTES) for known in media.REFERENCE_FORMATS
} | {
    content_type: (extension, MAX_BATCH_FILE_BYTES)
    for extension, content_type in BATCH_FILE_TYPES.items()
}
_IMPLAUSIBLE = 10**12  # bytes; a message does not repeat a longer number


@dataclass(frozen=True)
class MakeUpload:
    """Check the content type and size of a file, and presign an upload for exactly these."""

    references: References
    now: Clock

    def run(
        self, caller: Caller, content_type: object, size: object, name: str | None = None
    ) -> PresignedUpload:
        """Return the presigned upload. Raises InvalidRequestError.

        `name` is the file name, if it is known.
        """
        size = whole(size)
        extension, limit = _TYPES.get(str(content_type), ("", MAX_REFERENCE_BYTES))
        problems = [] if extension else [_content_type_problem(content_type, name)]
        if problem := _size_problem(size, limit, name):
            problems.append(problem)
        if problems:
            raise InvalidRequestError(problems)
        return self.references.presign_upload(
            caller.name, str(content_type), extension, int(str(size)), self.now()
        )


def _content_type_problem(content_type: object, name: str | None) -> FieldProblem:
    allowed = ", ".join(_TYPES)
    if content_type is None:
        message = f"`content_type` is missing. Use one of {allowed}."
    else:
        # The subtype of image/svg+xml is svg.
        subtype = str(content_type).partition("/")[2].partition("+")[0]
        message = unsupported_file(name, subtype) or f"`content_type` must be one of {allowed}."
    return FieldProblem(field="content_type", message=message, allowed=allowed)


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
