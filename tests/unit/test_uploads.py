"""Uploads: the request from key and metadata, and the keys of outputs and errors."""

import base64
from email import charset
from email.header import Header
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.presets import Preset
from darkroom.domain.uploads import (
    Upload,
    candidates,
    decode,
    edit_of,
    encode,
    error_key,
    map_error,
    output_folder,
    parse_notification,
    references_of,
)

MAX_KEY = 1024  # bytes: S3's own limit
JOB_ID = "a" * 26
TEXT = st.text(st.characters(codec="utf-8"))
KEYS = TEXT.filter(bool).map(lambda key: key.encode()[:MAX_KEY].decode(errors="ignore"))
LONG_KEYS = st.builds(
    lambda part: (f"scan/{part * MAX_KEY}").encode()[:MAX_KEY].decode(errors="ignore"),
    st.sampled_from(["a", "a/", "ü", "字", "\U0001f3ee", "é\x01"]),
)


def upload(key: str = "scan/a.png", **changes: Any) -> Upload:
    fields = {"bucket": "inbox", "etag": "e1", "sequencer": "01", "version_id": "v1"}
    return Upload.model_validate({**fields, "key": key, **changes})


def test_notification_of_an_unversioned_bucket_has_no_version() -> None:
    notice = parse_notification(
        {"bucket": {"name": "inbox"}, "object": {"key": "a.png", "etag": "e1"}}
    )

    assert (notice.version_id, notice.sequencer) == (None, "")


@pytest.mark.parametrize("detail", [{}, {"bucket": {"name": "inbox"}}, {"object": {"key": "a"}}])
def test_notification_of_another_shape_raises_key_error(detail: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        parse_notification(detail)


@pytest.mark.parametrize(
    "changed",
    [{"bucket": "other"}, {"key": "scan/b.png"}, {"version_id": "v2"},
     {"version_id": None}, {"version_id": None, "etag": "e2"},
     {"version_id": None, "sequencer": "02"}],
)  # fmt: skip
def test_idempotency_keys_differ_by_upload(changed: dict[str, Any]) -> None:
    keys = [upload(**changes).idempotency_key for changes in ({}, {}, changed)]

    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) <= 256


@pytest.mark.parametrize(
    ("key", "preset", "folder"),
    [("scan/a.png", "scan", "scan"), ("scan/x/y/a.png", "scan", "scan/x/y"), ("a.png", "", ""),
     ("/a.png", "", ""), ("scan//a.png", "scan", "scan/"), ("scan/", "scan", "scan")],
)  # fmt: skip
def test_first_folder_is_the_preset(key: str, preset: str, folder: str) -> None:
    assert (upload(key).preset, upload(key).folder) == (preset, folder)


def test_metadata_overrides_only_its_fields_of_the_preset() -> None:
    preset = Preset.model_validate(
        {"description": "of a page", "prompt": "flat", "quality": "high", "aspect_ratio": "1:1"}
    )
    metadata = {"prompt": "=?UTF-8?B?R3LDtsOfZQ==?=", "aspect-ratio": "16:9", "colour": "red"}

    assert edit_of(preset, metadata, [upload("a.png").object, "s3://inbox/b.png"]) == {
        "operation": "edit",
        "prompt": "Größe",
        "aspect_ratio": "16:9",
        "resolution": "1k",
        "quality": "high",
        "output_format": "png",
        "images": [upload("a.png").object, "s3://inbox/b.png"],
    }


@pytest.mark.parametrize(
    ("received", "expected"),
    [("=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=", "ÄMÄZÕÑ S3"), ("=?UTF-8?Q?Mini=C3=83=C2=B6?=",
     "Miniö"), ("=?UTF-8?B?R3LDtsOfZQ==?=", "Größe"), ("Mini", "Mini"), ("Ã¶", "Ã¶")],
)  # fmt: skip
def test_utf_8_read_as_latin_1_by_s3_is_repaired(received: str, expected: str) -> None:
    """The first value is the example for raw UTF-8 in the S3 documentation."""
    preset = Preset(prompt="flat")

    assert edit_of(preset, {"prompt": received}, [])["prompt"] == expected
    assert references_of({"references": received}) == [expected]


@pytest.mark.parametrize(
    ("text", "names"),
    [("", []), (" , ", []), ("a.png", ["a.png"]), (" a.png, s3://b/c d.png ,", ["a.png",
     "s3://b/c d.png"]), ('["a,b.png", "c.png"]', ["a,b.png", "c.png"]), ("[]", []),
     (encode("größe.png, b.png"), ["größe.png", "b.png"])],
)  # fmt: skip
def test_references_are_comma_separated_or_a_json_list(text: str, names: list[str]) -> None:
    assert references_of({"references": text}) == names


@pytest.mark.parametrize("text", ["[", "[1]", "[[]]", '["a", null]', "[" * 2000])
def test_invalid_json_references_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        references_of({"references": text})

    assert error.value.problems[0].field == "metadata.references"


@pytest.mark.parametrize(
    ("text", "folder", "keys"),
    [("b.png", "scan/x", ["scan/x/b.png", "b.png"]), ("b.png", "", ["b.png"]),
     ("/b.png", "scan", ["scan//b.png", "b.png"]), ("s3://b/c.png", "scan", []),
     ("https://a.test/b.png", "scan", []), ("DATA:image/png;base64,AA==", "scan", []),
     ("\ud800.png", "scan", [])],
)  # fmt: skip
def test_reference_is_resolved_as_relative_key_before_full_key(
    text: str, folder: str, keys: list[str]
) -> None:
    assert candidates(text, folder) == keys


@pytest.mark.parametrize(
    ("field", "expected"),
    [("images.0", "object"), ("images.1", "metadata.references"),
     ("images", "metadata.references"), ("quality", "metadata.quality"),
     ("aspect_ratio", "metadata.aspect-ratio"), ("resolution", "resolution")],
)  # fmt: skip
def test_problem_field_is_mapped_to_the_upload_field(field: str, expected: str) -> None:
    metadata = {"quality": "best", "aspect-ratio": "big", "references": "b.png"}
    problem = FieldProblem(field=field, message="`quality` is bad.")

    assert map_error(problem, upload(), metadata).field == expected


@pytest.mark.parametrize(
    ("field", "message", "expected"),
    [("images.0", "Reference image 1 is empty.", "a\\1.png is empty."),
     ("images.3", "Reference image 4 is empty.",
      "Reference image 3 of metadata `references` is empty."),
     ("images", "`images` has 17 items.",
      "Metadata `references` is too long. Use at most 15 references."),
     ("aspect_ratio", "`aspect_ratio` must be '1:1'.", "Metadata `aspect-ratio` must be '1:1'.")],
)  # fmt: skip
def test_problem_message_names_the_upload(field: str, message: str, expected: str) -> None:
    metadata = {"aspect-ratio": "big"}
    problem = FieldProblem(field=field, message=message)

    assert map_error(problem, upload("scan/a\\1.png"), metadata).message == expected


def test_output_prefix_contains_the_upload_key() -> None:
    key = "scan/2026/a page.png"

    assert output_folder(upload(key)) == f"edits/{key}"
    assert error_key(upload(key).key) == f"errors/{key}.json"


@given(KEYS | LONG_KEYS)
def test_derived_keys_are_within_the_s3_limit(key: str) -> None:
    folder = output_folder(upload(key))

    for derived in (f"{folder}/{JOB_ID}/manifest.json", f"{folder}/{JOB_ID}/999.webp"):
        assert len(derived.encode()) <= MAX_KEY
    assert f"edits/{key}".startswith(folder)
    assert len(error_key(upload(key).key).encode()) <= MAX_KEY
    assert error_key(upload(key).key).endswith(".json")


def test_long_keys_with_a_common_prefix_have_separate_error_keys() -> None:
    first, second = (error_key(upload("x" * 1020 + end).key) for end in (".png", ".jpg"))

    assert first != second


@given(TEXT)
def test_encoded_text_is_a_valid_header_and_decodes_back(text: str) -> None:
    encoded = encode(text)

    assert encoded.isascii()
    assert encoded == encoded.strip()
    assert encoded.isprintable()
    assert decode(encoded) == text


@pytest.mark.parametrize("text", ["scan/a b+%20.png", "", "?=a=?", 'prompt: "x"'])
def test_ascii_text_is_not_encoded(text: str) -> None:
    assert encode(text) == decode(text) == text


@pytest.mark.parametrize("text", ["Größe", "Nebel über dem Öresund, " * 9, "字" * 200, "a_b=c?ü"])
@pytest.mark.parametrize("encoding", [charset.BASE64, charset.QP])
def test_base64_and_quoted_printable_words_are_decoded(text: str, encoding: int) -> None:
    """S3 and mail libraries use the shorter encoding and split long text."""
    utf_8 = charset.Charset("utf-8")
    utf_8.header_encoding = encoding

    assert decode(Header(text, utf_8).encode().replace("\n", "")) == text


@pytest.mark.parametrize(
    "text",
    ["=?UTF-8?B?gA==?=", "=?UTF-8?B?A?=", "=?UTF-8?Q?=80?=", "=?UTF-8?B?" + "A" * 5 + "?=",
     "=?", "=?UTF-8?B?"],
)  # fmt: skip
def test_invalid_encoded_word_is_not_decoded(text: str) -> None:
    assert decode(text) == text


@given(TEXT | st.binary().map(lambda data: f"=?UTF-8?B?{base64.b64encode(data).decode()}?="))
def test_random_metadata_can_be_decoded(text: str) -> None:
    assert isinstance(decode(text), str)
