"""An upload: what its key and metadata ask for, and where what comes of it goes."""

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
    parse_notice,
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
    told = {"bucket": "inbox", "etag": "e1", "sequencer": "01", "version_id": "v1"}
    return Upload.model_validate({**told, "key": key, **changes})


@pytest.mark.parametrize(
    "key", ["a b+c.png", "100%25.png", "%2B.png", "ü/字.png", "a\n\x01.png", "x" * MAX_KEY]
)
def test_a_notice_tells_the_key_as_it_stands(key: str) -> None:
    told = {"key": key, "etag": "e1", "sequencer": "01", "version-id": "v1", "size": 7}

    assert parse_notice({"bucket": {"name": "inbox"}, "object": told}) == upload(key)


def test_a_bucket_without_versions_has_notices_without_one() -> None:
    notice = parse_notice({"bucket": {"name": "inbox"}, "object": {"key": "a.png", "etag": "e1"}})

    assert (notice.version_id, notice.sequencer) == (None, "")


@pytest.mark.parametrize("detail", [{}, {"bucket": {"name": "inbox"}}, {"object": {"key": "a"}}])
def test_a_notice_of_something_else_is_a_crash(detail: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        parse_notice(detail)


@pytest.mark.parametrize(
    "other",
    [{"bucket": "other"}, {"key": "scan/b.png"}, {"version_id": "v2"}, {"sequencer": "02"},
     {"version_id": None}, {"version_id": None, "etag": "e2"}],
)  # fmt: skip
def test_another_upload_has_another_idempotency_key(other: dict[str, Any]) -> None:
    keys = [upload(**changes).idempotency_key for changes in ({}, {}, other)]

    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) <= 256


@pytest.mark.parametrize(
    ("key", "preset", "folder"),
    [("scan/a.png", "scan", "scan"), ("scan/x/y/a.png", "scan", "scan/x/y"), ("a.png", "", ""),
     ("/a.png", "", ""), ("scan//a.png", "scan", "scan/"), ("scan/", "scan", "scan")],
)  # fmt: skip
def test_the_first_folder_is_the_preset(key: str, preset: str, folder: str) -> None:
    assert (upload(key).preset, upload(key).folder) == (preset, folder)


def test_metadata_overrides_the_preset_and_what_it_leaves_out_stays() -> None:
    preset = Preset.model_validate(
        {"description": "of a page", "prompt": "flat", "quality": "high", "aspect_ratio": "1:1"}
    )
    metadata = {"prompt": "=?UTF-8?B?R3LDtsOfZQ==?=", "aspect-ratio": "16:9", "colour": "red"}

    assert edit_of(preset, metadata, "s3://inbox/a.png", ["s3://inbox/b.png"]) == {
        "operation": "edit",
        "prompt": "Größe",
        "aspect_ratio": "16:9",
        "resolution": "1k",
        "quality": "high",
        "output_format": "png",
        "images": ["s3://inbox/a.png", "s3://inbox/b.png"],
    }


@pytest.mark.parametrize(
    ("told", "meant"),
    [("=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=", "ÄMÄZÕÑ S3"), ("=?UTF-8?Q?Mini=C3=83=C2=B6?=",
     "Miniö"), ("=?UTF-8?B?R3LDtsOfZQ==?=", "Größe"), ("Mini", "Mini"), ("Ã¶", "Ã¶")],
)  # fmt: skip
def test_letters_that_s3_took_for_latin_1_are_put_right(told: str, meant: str) -> None:
    """The first is how S3's own documentation says that it hands out raw UTF-8."""
    preset = Preset(prompt="flat")

    assert edit_of(preset, {"prompt": told}, "s3://inbox/a.png", [])["prompt"] == meant
    assert references_of({"references": told}) == [meant]


@pytest.mark.parametrize(
    ("text", "names"),
    [("", []), (" , ", []), ("a.png", ["a.png"]), (" a.png, s3://b/c d.png ,", ["a.png",
     "s3://b/c d.png"]), ('["a,b.png", "c.png"]', ["a,b.png", "c.png"]), ("[]", []),
     (encode("größe.png, b.png"), ["größe.png", "b.png"])],
)  # fmt: skip
def test_references_are_a_list_with_commas_or_in_json(text: str, names: list[str]) -> None:
    assert references_of({"references": text}) == names


@pytest.mark.parametrize("text", ["[", "[1]", "[[]]", '["a", null]', "[" * 2000])
def test_references_that_only_look_like_json_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        references_of({"references": text})

    assert caught.value.problems[0].field == "metadata.references"


@pytest.mark.parametrize(
    ("text", "folder", "keys"),
    [("b.png", "scan/x", ["scan/x/b.png", "b.png"]), ("b.png", "", ["b.png"]),
     ("/b.png", "scan", ["scan//b.png", "b.png"]), ("s3://b/c.png", "scan", []),
     ("https://a.test/b.png", "scan", []), ("DATA:image/png;base64,AA==", "scan", [])],
)  # fmt: skip
def test_a_name_is_a_key_beside_the_upload_before_it_is_a_whole_one(
    text: str, folder: str, keys: list[str]
) -> None:
    assert candidates(text, folder) == keys


@pytest.mark.parametrize(
    ("field", "seen"),
    [("images.0", "object"), ("images.1", "metadata.references"),
     ("images", "metadata.references"), ("quality", "metadata.quality"),
     ("aspect_ratio", "metadata.aspect-ratio"), ("resolution", "resolution")],
)  # fmt: skip
def test_a_problem_is_told_of_what_was_put_there(field: str, seen: str) -> None:
    metadata = {"quality": "best", "aspect-ratio": "big", "references": "b.png"}

    assert map_error(FieldProblem(field=field, message="is bad"), metadata).field == seen


def test_outputs_keep_the_path_of_their_upload() -> None:
    key = "scan/2026/a page.png"

    assert output_folder(upload(key)) == f"edits/{key}"
    assert error_key(upload(key)) == f"errors/{key}.json"


@given(KEYS | LONG_KEYS)
def test_every_key_made_of_an_uploads_key_is_one_that_s3_takes(key: str) -> None:
    folder = output_folder(upload(key))

    for made in (f"{folder}/{JOB_ID}/manifest.json", f"{folder}/{JOB_ID}/999.webp"):
        assert len(made.encode()) <= MAX_KEY
    assert f"edits/{key}".startswith(folder)
    assert len(error_key(upload(key)).encode()) <= MAX_KEY
    assert error_key(upload(key)).endswith(".json")


def test_long_keys_that_begin_alike_have_notes_of_their_own() -> None:
    one, two = (error_key(upload("x" * 1020 + end)) for end in (".png", ".jpg"))

    assert one != two


@given(TEXT)
def test_what_is_encoded_fits_a_header_and_comes_back(text: str) -> None:
    encoded = encode(text)

    assert encoded.isascii()
    assert encoded == encoded.strip()
    assert encoded.isprintable()
    assert decode(encoded) == text


@pytest.mark.parametrize("text", ["scan/a b+%20.png", "", "?=a=?", 'prompt: "x"'])
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert encode(text) == decode(text) == text


@pytest.mark.parametrize("words", ["Größe", "Nebel über dem Öresund, " * 9, "字" * 200, "a_b=c?ü"])
@pytest.mark.parametrize("encoding", [charset.BASE64, charset.QP])
def test_encoded_words_are_read_in_either_encoding_and_in_parts(words: str, encoding: int) -> None:
    """S3 itself, and every library for mail, take the shorter one and part what is long."""
    utf_8 = charset.Charset("utf-8")
    utf_8.header_encoding = encoding

    assert decode(Header(words, utf_8).encode().replace("\n", "")) == words


@pytest.mark.parametrize(
    "text",
    ["=?UTF-8?B?gA==?=", "=?UTF-8?B?A?=", "=?UTF-8?Q?=80?=", "=?UTF-8?B?" + "A" * 5 + "?=",
     "=?", "=?UTF-8?B?"],
)  # fmt: skip
def test_what_is_no_encoded_word_is_left_alone(text: str) -> None:
    assert decode(text) == text


@given(TEXT | st.binary().map(lambda data: f"=?UTF-8?B?{base64.b64encode(data).decode()}?="))
def test_any_metadata_can_be_decoded(text: str) -> None:
    assert isinstance(decode(text), str)
