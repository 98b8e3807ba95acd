"""Store an upload that came in the body of a request."""

from dataclasses import dataclass

from darkroom.domain import media
from darkroom.domain.callers import Caller
from darkroom.domain.references import S3Object
from darkroom.ports import References

# A file of an unknown format. Browsers save this type and never show it.
_UNKNOWN_TYPE, _UNKNOWN_EXTENSION = "application/octet-stream", "bin"


@dataclass(frozen=True)
class StoreUpload:
    """Store a file of a caller. Its bytes decide its content type."""

    references: References

    def run(self, caller: Caller, data: bytes) -> tuple[S3Object, str]:
        """Return the location and the content type of the file."""
        known = media.sniff(data[: media.MAGIC_BYTES])
        content_type = known.content_type if known else _UNKNOWN_TYPE
        extension = known.extension if known else _UNKNOWN_EXTENSION
        location = self.references.store_upload(caller.name, data, content_type, extension)
        return location, content_type
