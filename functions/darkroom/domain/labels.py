"""Labels of a job, with which people find it again. Tags are personal text, as a prompt is."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from darkroom.domain.requests import invalid
from darkroom.domain.values import is_blank

MAX_TAGS = 20
MAX_TAG = 40  # characters
_NOT_IN_TAGS = re.compile(
    r"[,\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def normal_tag(text: str) -> str:
    """Return a tag as it is stored: in lower case, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def _check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the different tags in alphabetical order."""
    allowed = f"1 to {MAX_TAG} characters without commas"
    found: set[str] = set()
    for index, text in enumerate(tags):
        tag = normal_tag(text)
        if _NOT_IN_TAGS.search(tag) or is_blank(tag) or len(tag) > MAX_TAG:
            raise invalid(f"is not a tag. Use {allowed}.", allowed, str(index))
        found.add(tag)
    if len(found) > MAX_TAGS:
        raise invalid(f"has {len(found)} tags. Use at most {MAX_TAGS}.", f"at most {MAX_TAGS} tags")
    return tuple(sorted(found))


# The raw list is longer, because equal tags count once. A character can become three.
Tags = Annotated[
    tuple[Annotated[str, StringConstraints(max_length=200)], ...],
    Field(max_length=100),
    AfterValidator(_check_tags),
]
