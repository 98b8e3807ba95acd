"""A place on the CDN for a file that a caller uploads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Upload:
    """A place for one uploaded file on the CDN."""

    path: str
    filename: str
    size: int
    content_type: str
    expires_at: int
    stored: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the PUT must carry, exactly."""
        return {"Content-Type": self.content_type, "If-None-Match": "*"}

    def to_json(self, cdn_origin: str) -> dict[str, Any]:
        """The part of the answer that both flows share."""
        return {
            "type": self.content_type.partition("/")[0],
            "download_url": cdn_origin + self.path,
            "filename": self.filename,
            "size": self.size,
        }
