"""The presets document: valid documents, and the errors of invalid ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import presets
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import MAX_DOCUMENT_BYTES, BrokenPresetsError, Preset, Presets
from darkroom.domain.requests import Edit, Quality
from darkroom.domain.uploads import edit_of

SECRET = "sesame-4711"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
# Some of these settings are valid.
SETTINGS = st.fixed_dictionaries(
    {"prompt": st.text("a \n", max_size=2)},
    optional={
        "description": st.text(max_size=5),
        "quality": st.sampled_from(["low", "best"]),
        "aspect_ratio": st.sampled_from(["21:9", "big", None]),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "version": st.integers(min_value=1) | JSON,
        "presets": st.dictionaries(st.sampled_from(["scan", "a.B-1", "?"]), SETTINGS),
    }
)


def document(version: Any = 1, name: str = "scan", **preset: Any) -> bytes:
    settings = {"prompt": "flat"} | preset
    return json.dumps({"version": version, "presets": {name: settings}}).encode()


def edit(preset: Preset) -> Edit:
    """Return the edit request for an image in the preset's folder."""
    body = edit_of(preset, {}, ["s3://inbox/scan/a.png"])
    request = parse_request(body)
    assert isinstance(request, Edit)
    return request


def test_shipped_presets_are_valid_edits_with_descriptions() -> None:
    shipped = presets.shipped()

    assert list(shipped.presets) == [
        "remove-background", "product-studio", "warmer-light", "clean-scan", "extend-to-16x9",
        "studio-light", "wide-poster",
    ]  # fmt: skip
    for preset in shipped.presets.values():
        assert preset.description.endswith(".")
        assert edit(preset).prompt == preset.prompt
        assert len(preset.prompt) > 100
    assert edit(shipped.presets["extend-to-16x9"]).aspect_ratio == "16:9"
    for name in ("studio-light", "wide-poster"):
        (step,) = edit(shipped.presets[name]).then
        assert step.input["resolution"] == "4k"


def test_step_of_a_preset_is_reported_with_its_number() -> None:
    for step, problem in (
        ({"prompt": ""}, "`presets.scan.then` is not valid. Step 2: `prompt` is empty."),
        ({"model": "a/b", "input": {"enable_sync_mode": True}}, "Step 2: `input.enable_sync_mode`"),
    ):
        with pytest.raises(BrokenPresetsError) as caught:
            presets.parse(document(then=[step]))
        assert problem in str(caught.value)


def test_step_that_edits_a_video_is_reported_with_its_index() -> None:
    steps = [{"model": "a/image-to-video", "input": {}}, {"prompt": "x"}]

    with pytest.raises(BrokenPresetsError, match=r"`presets\.scan\.then\.1\.images` cannot be"):
        presets.parse(document(then=steps))


def test_preset_fields_override_the_defaults() -> None:
    parsed = presets.parse(document(version=7, quality="low", aspect_ratio="3:2"))

    assert parsed.version == 7
    request = edit(parsed.presets["scan"])
    assert (request.prompt, request.quality, request.aspect_ratio) == ("flat", Quality.LOW, "3:2")
    assert (request.resolution, request.output_format) == ("1k", "png")


def test_byte_order_mark_is_accepted() -> None:
    assert presets.parse(b"\xef\xbb\xbf" + document()) == presets.parse(document())


@pytest.mark.parametrize("name", ["scan", "SCAN", "1", "a.b_c-d", "x" * 63])
def test_valid_preset_names_are_accepted(name: str) -> None:
    assert list(presets.parse(document(name=name)).presets) == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff\xfe{\x00", "not valid JSON"),
        (b'{"version": 1, "presets": {"a": {"prompt": "\xff"}}}', "not valid JSON"),
        (b'{"version": 1, "presets": {}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"version": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b" " * MAX_DOCUMENT_BYTES + document(), "larger than 1,048,576 bytes"),
        (b"[]", "The document is not valid. "),
        (b'{"presets": {}}', "`version` "),
        (b'{"version": 1}', "`presets` "),
        (b'{"version": 1, "presets": []}', "`presets` "),
        (b'{"version": 1, "presets": {"scan": "flat"}}', "`presets.scan` "),
        (
            b'{"version": 1, "presets": {"a": {"prompt": "x"}}, "owner": "me"}',
            "`owner` ",
        ),
        (b'{"version": 1, "presets": {}}', "`presets` "),
        (document(version=0), "`version` "),
        (document(version=1.5), "`version` "),
        (document(version="1"), "`version` "),
        (document(version=True), "`version` "),
        (document(version=10**30), "`version` "),
        (document(prompt=""), "`presets.scan.prompt` "),
        (document(prompt=" \n"), "`presets.scan.prompt` "),
        (document(prompt=None), "`presets.scan.prompt` "),
        (document(prompt="x" * 32_001), "`presets.scan.prompt` "),
        (document(quality=SECRET), "`presets.scan.quality` "),
        (document(resolution=SECRET), "`presets.scan.resolution` "),
        (document(aspect_ratio=SECRET), "`presets.scan.aspect_ratio` "),
        (document(output_format=SECRET), "`presets.scan.output_format` "),
        (document(images=[SECRET]), "`presets.scan.images` "),
        (document(name=""), "presets."),
        (document(name="a/b"), "presets.a/b"),
        (document(name="-a"), "presets.-a"),
        (document(name="größe"), "presets.größe"),
        (document(name="a\n"), "presets.a"),
        (document(name="x" * 64), "presets.x"),
        (document(name="references"), "`presets` "),
    ],
)
def test_invalid_document_is_reported_by_location_without_its_values(
    text: bytes, message: str
) -> None:
    with pytest.raises(BrokenPresetsError) as error:
        presets.parse(text)

    assert message in str(error.value)
    assert SECRET not in str(error.value)


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_random_document_is_parsed_or_broken(text: bytes) -> None:
    try:
        parsed = presets.parse(text)
    except BrokenPresetsError:
        return
    assert isinstance(parsed, Presets)


@given(DOCUMENTS)
def test_every_preset_of_a_valid_document_is_a_valid_edit(document: dict[str, Any]) -> None:
    try:
        parsed = presets.parse(json.dumps(document).encode())
    except BrokenPresetsError:
        return
    for preset in parsed.presets.values():
        assert edit(preset).prompt == preset.prompt
