"""Uploaded references on the CDN."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Upload:
    """One upload. `stored` is None until its bytes have arrived."""

    path: str
    filename: str
    size: int
    content_type: str
    expires_at: int
    stored: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the PUT must carry exactly."""
        return {"Content-Type": self.content_type, "If-None-Match": "*"}

    def to_json(self, cdn_origin: str) -> dict[str, Any]:
        """Return the part of the response that both upload flows share."""
        return {
            "type": self.content_type.partition("/")[0],
            "download_url": cdn_origin + self.path,
            "filename": self.filename,
            "size": self.size,
        }
