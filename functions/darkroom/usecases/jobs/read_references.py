"""Read references: the images of a request, and the S3 objects in the input of a model."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from darkroom.domain import media
from darkroom.domain.callers import Caller
from darkroom.domain.chain import ChainOutput, StepReference
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.media import Format, MediaKind
from darkroom.domain.parsing import MAX_FIELD_NAME, at_step
from darkroom.domain.references import (
    BadReferenceError,
    S3Object,
    Url,
    map_texts,
    map_urls,
    parse_reference,
    reference_problem,
    require_complete,
    require_image,
    require_size,
    s3_object,
)
from darkroom.domain.requests import EditStep, JobRequest, ModelStep, Operation, Output
from darkroom.ports import References, StoredObject

# Their formats are certain. The magic bytes of 3D models also match other files.
_SERVED_KINDS = (MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.AUDIO)

type ParsedReference = Url | S3Object | bytes | ChainOutput


# S3 objects in the input of a model. Each is read before the job is created, and each place of its
# name becomes a presigned URL of up to 2,000 characters.
_MAX_OBJECTS = 64


class Reference(NamedTuple):
    """A reference, and its place: the index of an image, or the field of a model's input."""

    value: ParsedReference
    place: int | str

    @property
    def is_image(self) -> bool:
        """Whether the reference must be an image. A model may take any file."""
        return isinstance(self.place, int)

    def problem(self, error: BadReferenceError) -> FieldProblem:
        """Return the problem of the reference."""
        if isinstance(self.place, int):
            return reference_problem(self.place, error)
        field = self.place[:MAX_FIELD_NAME]
        allowed = "an object that this caller may read"
        return FieldProblem(field=field, message=f"`{field}` {error}", allowed=allowed)


@dataclass(frozen=True)
class Parsed[R: JobRequest | EditStep | ModelStep]:
    """A request or a step of a chain, and its references."""

    request: R
    references: list[Reference]

    @property
    def names(self) -> list[str]:
        """The location of each reference, or the digest of its bytes."""
        return [_name(reference.value) for reference in self.references]


@dataclass(frozen=True)
class ReadReferences:
    """Parse, inspect and store the references of a request and of the steps of its chain."""

    references: References

    def parse[R: JobRequest | EditStep | ModelStep](self, request: R) -> Parsed[R]:
        """Return the request and its references. Raises InvalidRequestError."""
        if request.operation is not Operation.MODEL:
            return Parsed(request, self._parse_images(request.references))
        model_input, named = self._parse_input(request.input)
        return Parsed(_with_input(request, model_input), named)

    def _parse_images(self, images: Iterable[str | S3Object]) -> list[Reference]:
        parsed: list[Reference] = []
        problems: list[FieldProblem] = []
        for index, image in enumerate(images):
            try:
                parsed.append(Reference(self._parse_image(image), index))
            except BadReferenceError as error:
                problems.append(reference_problem(index, error))
        if problems:
            raise InvalidRequestError(problems)
        return parsed

    def _parse_image(self, image: str | S3Object) -> ParsedReference:
        if isinstance(image, S3Object):
            return image
        if isinstance(image, Output):
            return ChainOutput(output=image)
        return self.references.resolve(image) or parse_reference(image)

    def _parse_input(self, given: dict[str, Any]) -> tuple[dict[str, Any], list[Reference]]:
        """Return the input with the S3 URIs of the objects that it names, and the objects.

        A presigned URL expires, so Submit signs the object anew.
        """
        objects: dict[str, Reference] = {}

        def name_object(named: S3Object | None, path: str, text: str) -> str:
            if named is None:
                return text
            objects.setdefault(str(named), Reference(named, f"input.{path}"))
            return str(named)

        def name_objects(text: str, path: str) -> str:
            bare = text.strip()
            whole = s3_object(bare) if "://" in bare else self.references.resolve(bare)
            if whole is not None:
                return name_object(whole, path, text)
            named = map_urls(bare, lambda url: name_object(self.references.resolve(url), path, url))
            return text if named == bare else named

        model_input = map_texts(given, name_objects)
        if _uses(model_input, objects) > _MAX_OBJECTS:
            allowed = f"at most {_MAX_OBJECTS} S3 objects"
            raise InvalidRequestError.of(
                "input", f"`input` names too many. Use {allowed}.", allowed
            )
        references = [objects[name] for name in sorted(objects)]
        return model_input, references

    def store(
        self,
        references: Sequence[list[Reference]],
        identity: str,
        caller: Caller,
    ) -> list[list[StepReference]]:
        """Check the references of each request and step, then store the inline ones.

        Raises InvalidRequestError; nothing is stored if one is bad. A later step is checked here as
        well, so that it is not refused after the earlier ones were paid for.
        """
        problems: list[FieldProblem] = []
        inspected: list[list[ParsedReference]] = [[] for _ in references]
        for number, each in enumerate(references):
            for reference in each:
                try:
                    inspected[number].append(self._inspect(reference, caller))
                except BadReferenceError as error:
                    problem = reference.problem(error)
                    problems.append(at_step(number, problem) if number else problem)
        if problems:
            raise InvalidRequestError(problems)
        return [
            [
                self.references.store(identity, caller.name, reference, require_image(reference))
                if isinstance(reference, bytes)
                else reference
                for reference in each
            ]
            for each in inspected
        ]

    def _inspect(self, reference: Reference, caller: Caller) -> ParsedReference:
        match reference.value:
            case Url() | ChainOutput() as known_later:
                return known_later
            case bytes() as data:
                require_size(len(data))
                require_complete(require_image(data), data, data, len(data))
                return data
            case S3Object() as location:
                if location.has_dots:
                    raise BadReferenceError(
                        "has a . or .. in its path, which a URL cannot contain. Rename the object."
                    )
                stored = self.references.inspect(location)
                if stored is None or not stored.is_readable_by(caller):
                    raise BadReferenceError("does not exist, or this caller may not read it.")
                is_image = reference.is_image
                known = self._require_image(stored) if is_image else media.sniff(stored.head)
                if known is None or known.kind not in _SERVED_KINDS:
                    return stored.reference
                changes = {"content_type": known.content_type}
                is_right = known.content_type == stored.content_type
                return stored.reference if is_right else stored.reference.model_copy(update=changes)

    def _require_image(self, stored: StoredObject) -> Format:
        """Return the format of a complete image. Raises BadReferenceError."""
        require_size(stored.size)
        known = require_image(stored.head)
        header = tail = stored.head
        if stored.size > len(header):
            tail = self.references.read_end(stored.reference, media.TAIL_BYTES)
            if media.dimensions(known, header) is None or not media.is_whole(
                known, header, tail, stored.size
            ):
                # Metadata can be longer than the header, and bytes can follow the image's end.
                header = tail = self.references.read_end(stored.reference, stored.size)
        require_complete(known, header, tail, stored.size)
        return known


def _with_input[R: BaseModel](request: R, model_input: dict[str, Any]) -> R:
    return request.model_copy(update={"input": model_input})


def _uses(model_input: dict[str, Any], names: Collection[str]) -> int:
    """Return how often an input has one of the names, or the name of an output of its chain."""
    uses = 0

    def count(text: str, _: str) -> str:
        nonlocal uses
        uses += 1 if text in list(Output) else sum(text.count(name) for name in names)
        return text

    map_texts(model_input, count)
    return uses


def _name(reference: ParsedReference) -> str:
    match reference:
        case ChainOutput():
            return reference.output
        case Url():
            return reference.url
        case S3Object():
            return str(reference)
        case bytes():
            return f"sha256:{hashlib.sha256(reference).hexdigest()}"
