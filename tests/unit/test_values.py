"""One rule for null, numbers, closed sets and blank texts at every entry point."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from darkroom.domain import callers, presets, uploads
from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.presets import Preset
from darkroom.domain.requests import Edit, ImageInput, TextToImage
from darkroom.domain.row_parser import rows_of
from darkroom.domain.values import is_blank
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client

WAVESPEED_SUBMIT = "/api/v3/openai/gpt-image-2/text-to-image"
TEXT: dict[str, Any] = {"operation": "text-to-image", "prompt": "A teapot"}
DEFAULTS = parse_request(TEXT)
NULLS = dict.fromkeys(
    {*TextToImage.model_fields, *Edit.model_fields, "model", "input"} - TEXT.keys()
)
# Values as people and the provider's page write them, and the provider's form.
WRITTEN = [
    ("resolution", "base", "1k"), ("resolution", "Base", "1k"), ("resolution", "2K", "2k"),
    ("resolution", " 4K ", "4k"), ("quality", "High", "high"), ("quality", "LOW\n", "low"),
    ("output_format", "PNG", "png"), ("output_format", "jpg", "jpeg"),
    ("output_format", "JPEG", "jpeg"), ("output_format", "WebP", "webp"),
    ("aspect_ratio", " 16:9", "16:9"), ("aspect_ratio", "16 : 9", "16:9"),
    ("aspect_ratio", "Auto", None),
]  # fmt: skip


def sent_by(world: World) -> Any:
    """Return the input of the only job."""
    (job,) = world.jobs.records.values()
    return job.input


def sent_in_metadata(fields: dict[str, Any]) -> Any:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return parse_request(uploads.edit_of(Preset(prompt="x"), headers, ["https://a.b/c"])).input


def sent_by_a_preset(fields: dict[str, Any]) -> Any:
    document = {"version": 1, "presets": {"scan": {"prompt": "x", **fields}}}
    return presets.parse(json.dumps(document).encode()).presets["scan"].input


def sent_by_a_cell(fields: dict[str, Any]) -> Any:
    ((name, value),) = fields.items()
    return sent_by_a_row(f'prompt,{name}\nx,"{value}"\n', BatchFileFormat.CSV)


def sent_by_a_row(text: str, file_format: BatchFileFormat, **defaults: Any) -> Any:
    ((row, request),) = rows_of(text.encode(), file_format, template=None, defaults=defaults)
    assert request is not None, row.errors
    return request.input


def sent_by_an_event(fields: dict[str, Any]) -> Any:
    world = World()
    caller = callers.of_rule("events", can_read_all=False)
    world.app.request_job.run(TEXT | fields, caller=caller, event_id="e")
    return sent_by(world)


def sent_in_the_wire_format(fields: dict[str, Any]) -> Any:
    ada = Client()
    assert ada.post(WAVESPEED_SUBMIT, {"prompt": "A teapot", **fields}).status == 200
    return sent_by(ada.world)


# The input that a job gets from fields of a request, by entry point.
ENTRY_POINTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "http": lambda fields: Client().accept_job(TEXT | fields).input,
    "wire format": sent_in_the_wire_format,
    "event": sent_by_an_event,
    "metadata": sent_in_metadata,
    "preset": sent_by_a_preset,
    "csv": sent_by_a_cell,
    "jsonl": lambda fields: sent_by_a_row(
        json.dumps({"prompt": "x", **fields}), BatchFileFormat.JSONL
    ),
    "defaults": lambda fields: sent_by_a_row("prompt\nx\n", BatchFileFormat.CSV, **fields),
}


@pytest.mark.parametrize(("name", "value", "sent"), WRITTEN)
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_setting_is_read_in_any_case(
    entry_point: str, name: str, value: str, sent: str | None
) -> None:
    assert ENTRY_POINTS[entry_point]({name: value}).get(name) == sent


@pytest.mark.parametrize(("operation", "model"), [
    ("Text-to-Image", "openai/gpt-image-2/text-to-image"),
    (" EDIT", "openai/gpt-image-2/edit"),
    ("image-to-image", "openai/gpt-image-2/edit"),
])  # fmt: skip
def test_operation_is_read_in_any_case(operation: str, model: str) -> None:
    body = {"operation": operation, "prompt": "x"}
    images = {} if "text" in model else {"images": ["https://a.test/b"]}

    assert parse_request(body | images).model == model


def test_model_id_of_gpt_image_2_is_read_in_any_case() -> None:
    request = parse_request({"model": "OpenAI/GPT-Image-2/Edit",
                             "input": {"prompt": "x", "images": ["https://a.test/b"]}})  # fmt: skip

    assert request.model == "openai/gpt-image-2/edit"


def test_null_is_not_given_in_a_request() -> None:
    assert parse_request(TEXT | NULLS) == DEFAULTS
    assert parse_request(
        {"model": "a/b", "input": {"seed": None}, **dict.fromkeys(TEXT)}
    ).input == {"seed": None}


def test_null_is_not_given_in_the_wire_format() -> None:
    nulls = dict.fromkeys(ImageInput.model_fields.keys() - {"prompt"})

    assert sent_in_the_wire_format(nulls | {"enable_sync_mode": None}) == DEFAULTS.input


def test_null_is_not_given_in_an_event() -> None:
    assert sent_by_an_event(NULLS | {"idempotency_key": None}) == DEFAULTS.input


def test_null_is_not_given_in_a_job_description() -> None:
    world = World()
    data = json.dumps(TEXT | NULLS).encode()

    job = world.app.upload_job.run(world.inbox.put("boat.job.json", data), event_id="e")

    assert job is not None
    assert job.input == DEFAULTS.input


def test_null_is_not_given_in_a_preset() -> None:
    nulls = dict.fromkeys(Preset.model_fields.keys() - {"prompt"})
    document = {"version": 1.0, "presets": {"scan": {"prompt": "x", **nulls}}}

    assert presets.parse(json.dumps(document).encode()).presets["scan"] == Preset(prompt="x")


def test_null_is_not_given_in_a_row_or_the_defaults_of_a_batch() -> None:
    lines = [
        {"id": "a", "prompt": "x", "quality": None, "resolution": None},
        {"id": None, "prompt": "x", "output_format": None, "aspect_ratio": None},
        {"id": "c", "prompt": "x", "images": None, "quality": "high"},
        {"id": "d", "prompt": "x", "operation": None, "model": None, "input": None},
    ]
    data = "\n".join(map(json.dumps, lines)).encode()
    defaults = {"quality": "low", "resolution": None, "operation": None, "model": None}

    rows = list(rows_of(data, BatchFileFormat.JSONL, template=None, defaults=defaults))

    assert [request and request.input["quality"] for _, request in rows] == [
        "low", "low", "high", "low",
    ]  # fmt: skip


def test_null_of_a_required_field_is_a_missing_field() -> None:
    with pytest.raises(InvalidRequestError, match="`prompt` is missing"):
        parse_request({"operation": "text-to-image", "prompt": None})


@pytest.mark.parametrize("seconds", [900.0, 900])
def test_number_without_decimals_is_a_whole_number(seconds: float) -> None:
    assert parse_request(TEXT | {"deadline_seconds": seconds}).deadline_seconds == 900


@pytest.mark.parametrize("cell", ["900", "900.0", "9e2", '"900,0"', " 900 "])
def test_cell_without_decimals_is_a_whole_number(cell: str) -> None:
    data = f"prompt,deadline_seconds\nx,{cell}\n".encode()
    ((row, request),) = rows_of(data, BatchFileFormat.CSV, template=None, defaults={})

    assert row.errors == ()
    assert request is not None
    assert request.deadline_seconds == 900


@pytest.mark.parametrize("cell", ["900.5", "1e999", "0x10", '"3,600"', "true"])
def test_cell_that_is_no_whole_number_is_a_bad_row(cell: str) -> None:
    data = f"prompt,deadline_seconds\nx,{cell}\n".encode()
    ((row, _),) = rows_of(data, BatchFileFormat.CSV, template=None, defaults={})

    assert [problem.field for problem in row.errors] == ["deadline_seconds"]


@pytest.mark.parametrize("header", ['"order-1"', "order-1", ' "order-1" ', '"order\\-1"'])
def test_quoted_idempotency_key_is_the_same_key(header: str) -> None:
    ada = Client()
    first = ada.post(V1_JOBS, TEXT, Idempotency_Key="order-1").json

    assert ada.post(V1_JOBS, TEXT, Idempotency_Key=header).json["job_id"] == (first["job_id"])


@pytest.mark.parametrize("header", ['""', '"a b"', "a b", '"'])
def test_idempotency_key_without_a_plain_text_is_refused_or_literal(header: str) -> None:
    response = Client().post(V1_JOBS, TEXT, Idempotency_Key=header)

    assert response.status == (202 if header == '"' else 400)


def test_status_in_a_query_is_read_in_any_case() -> None:
    assert Client().get(V1_JOBS, status="Completed").status == 200


@pytest.mark.parametrize(
    "prompt", ["\u200b", "\u2060\ufeff", " \u00a0\u3000\n", "\u00ad", "\u3164", "\u2800", "\u0301"]
)
def test_prompt_without_a_visible_character_is_empty(prompt: str) -> None:
    assert is_blank(prompt)
    with pytest.raises(InvalidRequestError, match="`prompt` is empty"):
        parse_request(TEXT | {"prompt": prompt})


@pytest.mark.parametrize("prompt", [".", "\u200bx", "e\u0301", "\U0001f431", "\ue000", "\u0bbe"])
def test_prompt_with_a_visible_character_is_taken_unchanged(prompt: str) -> None:
    assert parse_request(TEXT | {"prompt": prompt}).input["prompt"] == prompt


@pytest.mark.parametrize(
    "value",
    ["16:09", "09:16", "16:09:00", "9:16:00 AM", "01:01:00", "0.672916667", "0,672916667",
     "Sep-16", "16-Sep", "16. Sep", "9/16/2026", "2026-09-16", "16.09.2026 00:00", 0.672916667],
)  # fmt: skip
def test_ratio_that_a_spreadsheet_has_changed_is_named(value: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"spreadsheet turns a ratio.*'16:9'"):
        parse_request(TEXT | {"aspect_ratio": value})


@pytest.mark.parametrize("value", ["7:5", "16:10", "wide", 16])
def test_other_ratio_is_not_said_to_come_from_a_spreadsheet(value: object) -> None:
    with pytest.raises(InvalidRequestError, match="`aspect_ratio` must be '1:1'"):
        parse_request(TEXT | {"aspect_ratio": value})


@pytest.mark.parametrize(
    ("header", "prompt"),
    [
        ("Ein%20Caf%C3%A9", "Ein Café"),
        ("Ein+Caf%C3%A9", "Ein Café"),
        ("=?UTF-8?Q?Ein_Caf=C3=A9?=", "Ein Café"),
        ("=?UTF-8?B?RWluIENhZsOp?=", "Ein Café"),
        ("=?UTF-8?Q?Ein_Caf=C3=A9_?= =?UTF-8?Q?au_lait?=", "Ein Café au lait"),
        ("A+B%20C", "A+B C"),
        ("100% cotton", "100% cotton"),
        ("100 %20 percent", "100 %20 percent"),
        ("50%E4", "50%E4"),
    ],
)
def test_encoded_metadata_is_decoded(header: str, prompt: str) -> None:
    assert uploads.edit_of(Preset(prompt="x"), {"prompt": header}, [])["prompt"] == prompt


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ("Summer%20lake.jpg, b.jpg", ["scan/Summer lake.jpg", "scan/b.jpg"]),
        ("a.jpg%2C%20b%20c.jpg", ["scan/a.jpg", "scan/b c.jpg"]),
        ("%5B%22a%20b.jpg%22%5D", ["scan/a b.jpg"]),
    ],
)
def test_encoded_keys_in_metadata_are_decoded(header: str, keys: list[str]) -> None:
    names = uploads.references_of({"references": header})

    assert len(names) == len(keys)
    for name, key in zip(names, keys, strict=True):
        assert key in uploads.candidates(name, "scan")


def test_encoded_url_in_metadata_stays_encoded() -> None:
    text = "https://a.test/x%2Cy%20z.jpg"

    assert uploads.references_of({"references": text}) == [text]
