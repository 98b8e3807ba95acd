"""Batch files: every row is a request, or has errors."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.batch_file import BatchFileFormat, guess
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.row_parser import MAX_ROWS, rows_of
from darkroom.domain.rows import Row, chunks, line_of
from darkroom.domain.template import Template

TEAPOT = {"operation": "text-to-image", "prompt": "a teapot"}


def read(
    text: str | bytes,
    prompt: str | None = None,
    file_format: BatchFileFormat | None = None,
    **defaults: Any,
) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    rows = rows_of(
        data,
        file_format or guess("", data),
        template=None if prompt is None else Template(prompt),
        defaults=defaults,
    )
    return [row for row, _ in rows]


def problems(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(row.number, error.field, error.message) for row in rows for error in row.errors]


def error_text(text: str | bytes, prompt: str | None = None) -> str:
    with pytest.raises(InvalidRequestError) as error:
        read(text, prompt)
    return str(error.value)


def test_each_jsonl_line_is_a_request() -> None:
    rows = read('{"id": "a", "prompt": "a teapot"}\n\n{"prompt": "a kettle", "quality": "low"}\r\n')

    assert [(row.number, row.id, row.request) for row in rows] == [
        (1, "a", TEAPOT),
        (2, None, TEAPOT | {"prompt": "a kettle", "quality": "low"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_each_csv_row_is_a_request(delimiter: str) -> None:
    text = '\ufeffid,prompt,images,deadline_seconds\n7,"red, on\nwhite",s3://abc/d https://a.test/b,60\n'
    rows = read(text.replace(",", delimiter) if delimiter != "," else text)

    comma = "," if delimiter == "," else delimiter
    assert rows == [
        Row(
            number=1,
            line=2,
            id="7",
            request={
                "operation": "edit",
                "prompt": f"red{comma} on\nwhite",
                "images": ["s3://abc/d", "https://a.test/b"],
                "deadline_seconds": 60,
            },
        )
    ]


def test_input_of_another_model_is_json_in_a_csv_cell() -> None:
    rows = read('model,input\nany/model,"{""text"": ""x""}"\nany/model,{\n')

    assert rows[0].request == {"model": "any/model", "input": {"text": "x"}}
    assert problems(rows) == [(2, "input", 'Column "input" must be a JSON object.')]


def test_template_builds_prompts_from_columns() -> None:
    rows = read(
        "product,colour,prompt\nteapot,red,\nkettle,,\ncup,blue,only this\n",
        "{product} in {colour} {{x}}",
    )

    prompts = [row.request["prompt"] if row.request else None for row in rows]
    assert prompts == ["teapot in red {x}", None, "only this"]
    assert rows[0].request == TEAPOT | {"prompt": prompts[0]}
    assert problems(rows) == [
        (2, "colour", 'Column "colour" is empty, but the prompt uses {colour}.')
    ]


def test_batch_file_with_a_template_may_have_other_columns() -> None:
    (row,) = read("sku,product,price,quality\n7,teapot,9.99,low\n", "{product}")
    (jsonl_row,) = read('{"sku": 7, "product": "teapot", "qualty": "low"}', "{product}")

    assert row.request == TEAPOT | {"prompt": "teapot", "quality": "low"}
    assert jsonl_row.request == TEAPOT | {"prompt": "teapot"}


def test_template_may_contain_the_prompt_of_the_row() -> None:
    (row,) = read('{"prompt": "a teapot"}', "{prompt}, on white")

    assert row.request == TEAPOT | {"prompt": "a teapot, on white"}


def test_column_of_the_template_is_data_and_not_a_setting() -> None:
    """A template keeps its meaning when its column becomes the name of a request parameter."""
    template = "A {product} in {quality} on {images}, {deadline_seconds}"
    rows = read(
        "product,quality,images,deadline_seconds\nteapot,porcelain,a b,two\n", template,
        BatchFileFormat.CSV, quality="low",
    )  # fmt: skip
    (jsonl_row,) = read('{"product": "cup", "quality": 5}', "A {product} in {quality}")

    prompt = "A teapot in porcelain on a b, two"
    assert [row.request for row in rows] == [TEAPOT | {"prompt": prompt, "quality": "low"}]
    assert jsonl_row.request == TEAPOT | {"prompt": "A cup in 5"}


def test_default_is_not_a_value_of_the_template() -> None:
    rows = read("product,quality\nteapot,\n", "{product} in {quality}", quality="low")

    assert problems(rows) == [
        (1, "quality", 'Column "quality" is empty, but the prompt uses {quality}.')
    ]


@pytest.mark.parametrize("template", ["A {product} in {quality}", "A {product}"])
def test_column_with_the_prefix_is_a_setting_with_any_template(template: str) -> None:
    text = "product,quality,setting:quality,setting:deadline_seconds\nteapot,red,low,60\n"
    if "quality" not in template:
        text = text.replace("quality", "colour", 1)
    (row,) = read(text, template)
    (jsonl_row,) = read('{"product": "cup", "quality": "red", "setting:quality": "low"}',
                        "A {product} in {quality}")  # fmt: skip

    assert row.request
    assert (row.request["quality"], row.request["deadline_seconds"]) == ("low", 60)
    assert jsonl_row.request == TEAPOT | {"prompt": "A cup in red", "quality": "low"}


def test_column_with_the_prefix_is_named_in_its_problems() -> None:
    rows = read("prompt,setting:quality,setting:deadline_seconds\nx,best,60\nx,low,soon\n")

    assert problems(rows) == [
        (1, "quality", "Column \"setting:quality\" must be 'low', 'medium' or 'high'."),
        (2, "deadline_seconds", 'Column "setting:deadline_seconds" must be a whole number.'),
    ]  # fmt: skip


def test_jsonl_row_that_sets_a_field_twice_is_a_bad_row() -> None:
    assert problems(read('{"prompt": "x", "quality": "low", "setting:quality": "high"}')) == [
        (1, "quality",
         'The columns "quality" and "setting:quality" set the same field. Remove one.'),
    ]  # fmt: skip


def test_row_values_override_the_defaults() -> None:
    rows = read('{"prompt": "x", "quality": "high"}\n{"prompt": "x"}', quality="low")

    assert [row.request and row.request["quality"] for row in rows] == ["high", "low"]


def test_bad_rows_do_not_affect_other_rows() -> None:
    lines = [
        '{"prompt": "a teapot"}', "no json", "[]", '{"prompt": "x", "quality": "best"}',
        '{"prompt": "x", "qualty": "low"}', '{"prompt": "x", "images": ["ftp://a.test/b"]}',
        '{"id": true, "prompt": "x"}', '{"prompt": NaN}', '{"prompt": "a teapot"}',
    ]  # fmt: skip
    rows = read("\n".join(lines), file_format=BatchFileFormat.JSONL)

    assert [row.number for row in rows if row.request is not None] == [1, 9]
    assert [(number, field) for number, field, _ in problems(rows)] == [
        (2, ""), (3, ""), (4, "quality"), (5, "qualty"), (6, "images.0"), (7, "id"), (8, "prompt"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "prompt", "message"),
    [
        ("prompt,qualty\nx,low\n", None, 'Column "qualty" is not a field'),
        ("prompt,sku\nx,7\n", None, 'Column "sku" is not a field'),
        ("prompt,prompt\nx,y\n", None, 'two columns "prompt"'),
        ("quality,setting:quality\nlow,low\n", None, 'columns "quality" and "setting:quality"'),
        ("product,setting:qualty\nx,y\n", "{product}", 'Column "setting:qualty" is not a field'),
        ("product,setting:quality\nx,low\n", "{quality}", 'no column "quality"'),
        ("product\nteapot\n", "{thing}", 'no column "thing"'),
        ("quality\nlow\n", "{thing}", 'no column "thing"'),
        ('prompt\n"x\ny\n', None, 'line 2, column 1 "prompt" is not valid CSV'),
        (b"prompt\n\xff\n", None, "is not in UTF-8"),
    ],
)
def test_invalid_file_is_refused_completely(
    text: str | bytes, prompt: str | None, message: str
) -> None:
    assert message in error_text(text, prompt)


def test_file_with_too_many_rows_is_refused() -> None:
    assert "more than 10,000 rows" in error_text('{"prompt": "x"}\n' * (MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("name", "data", "file_format"),
    [
        ("a.CSV", b'{"', BatchFileFormat.CSV),
        ("a.jsonl", b"a,b", BatchFileFormat.JSONL),
        ("a.ndjson", b"a,b", BatchFileFormat.JSONL),
        ("a", b'\xef\xbb\xbf\n {"a": 1}', BatchFileFormat.JSONL),
        ("a.txt", b"prompt\nx", BatchFileFormat.CSV),
    ],
)
def test_format_is_guessed_from_name_or_first_bytes(
    name: str, data: bytes, file_format: BatchFileFormat
) -> None:
    assert guess(name, data) is file_format


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)))
def test_prompts_survive_a_csv_round_trip(prompts: list[str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "prompt"])
    writer.writerows(enumerate(prompts))

    rows = read(text.getvalue(), file_format=BatchFileFormat.CSV)

    for row, prompt in zip(rows, prompts, strict=True):
        assert (row.request is None) == (not prompt.strip())
        assert row.request is None or row.request["prompt"] == prompt.strip()


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(1, 9), st.integers(1, 90))
def test_chunks_cover_the_file_in_order(parts: list[bytes], rows: int, size: int) -> None:
    lines = [part.replace(b"\n", b"") + b"\n" for part in parts]
    data, spans = b"".join(lines), chunks(lines, rows, size)

    assert b"".join(data[span["start"] : span["end"]] for span in spans) == data
    for span in spans:
        count = data[span["start"] : span["end"]].count(b"\n")
        assert 1 <= count <= rows
        assert span["end"] - span["start"] <= size or count == 1


@given(
    st.text(st.characters(codec="utf-8")),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_row_survives_serialization(prompt: str, name: str | None) -> None:
    row = Row(number=3, id=name, request={"prompt": prompt})

    line = line_of(row)

    assert line.count(b"\n") == 1
    assert Row.model_validate_json(line) == row
    assert json.loads(line)["number"] == 3
