"""The software bill of materials of the deployed application, as CycloneDX. `make sbom` runs this.

It has the pinned Python packages of the functions with their digests, and the package that is
vendored into the studio. The Python runtime of Lambda, with boto3, belongs to AWS.
"""

import re
import tomllib
from collections.abc import Iterator

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from local.paths import ROOT

REQUIREMENTS = ("functions/requirements.txt", "thumbnails/requirements.txt")
VENDORED = "functions/studio/vendor/uPlot.esm.js"
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.M)
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_UPLOT_VERSION = re.compile(r"uPlot\.js .*?\(v([\d.]+)\)", re.S)


def sbom() -> str:
    """Return the document as JSON. The same sources have the same components."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bom = Bom()
    bom.metadata.component = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION
    )
    for component in _components():
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _components() -> Iterator[Component]:
    """Yield each package once."""
    text = "\n".join((ROOT / name).read_text() for name in REQUIREMENTS)
    pins = {
        (pin["name"], pin["version"]): _DIGEST.findall(pin["rest"]) for pin in _PIN.finditer(text)
    }
    for (name, version), digests in pins.items():
        yield _component("pypi", name, version, digests)
    file = ROOT / VENDORED
    checksums = dict(
        line.split()[::-1] for line in (file.parent / "SHA256SUMS").read_text().splitlines()
    )
    (version,) = _UPLOT_VERSION.findall(file.read_text())
    yield _component("npm", "uplot", version, [checksums[file.name]])


def _component(kind: str, name: str, version: str, digests: list[str]) -> Component:
    purl = PackageURL(kind, None, name, version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]
    reference = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), hashes=hashes
    )
    return Component(
        bom_ref=str(purl), name=name, version=version, purl=purl, external_references=[reference]
    )


if __name__ == "__main__":
    print(sbom())
