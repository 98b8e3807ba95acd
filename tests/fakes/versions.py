"""The port Versions over the objects of the other fakes."""

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.domain.references import S3Object
from tests.fakes.storage import InMemoryAssets, InMemoryReferences

_ERASED = b""


@dataclass
class InMemoryVersions:
    """Assets have one version; the objects of References have all."""

    references: InMemoryReferences
    assets: InMemoryAssets

    def equal(self, location: S3Object) -> list[S3Object]:
        versions = self.references.objects.get((location.bucket, location.key), [])
        pinned = int((location.version_id or "v0").removeprefix("v"))
        if not 1 <= pinned <= len(versions) or versions[pinned - 1] == _ERASED:
            return []
        others = [
            location.model_copy(update={"version_id": f"v{number}"})
            for number, data in enumerate(versions, 1)
            if data == versions[pinned - 1] and number != pinned
        ]
        return [*others, location]

    def erase(self, location: S3Object) -> None:
        if location.bucket == self.assets.bucket:
            for stored in (self.assets.files, self.assets.documents, self.assets.metadata):
                stored.pop(location.key, None)
        self.references.objects.pop((location.bucket, location.key), None)

    def erase_replaced(self, location: S3Object) -> None:
        versions = self.references.objects.get((location.bucket, location.key), [])
        self._erase(location, range(1, len(versions)))

    def erase_versions(self, location: S3Object, versions: Sequence[S3Object]) -> None:
        self._erase(location, [int((v.version_id or "").removeprefix("v")) for v in versions])

    def erase_folder(self, prefix: str) -> None:
        keys = {*self.assets.files, *self.assets.documents}
        keys |= {key for bucket, key in self.references.objects if bucket == self.assets.bucket}
        for key in keys:
            if key.startswith(prefix):
                self.erase(S3Object(bucket=self.assets.bucket, key=key))

    def _erase(self, location: S3Object, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.references.objects[location.bucket, location.key][number - 1] = _ERASED
            self.references.erased.add((location.bucket, location.key, f"v{number}"))
