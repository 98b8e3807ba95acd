"""Sheets: every row of a file is a request, or says what is wrong with it."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.batch_file import BatchFileFormat, guess
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.rows import MAX_ROWS, Row, Template, chunks, line_of, rows_of

TEAPOT = {"operation": "text-to-image", "prompt": "a teapot"}


def read(
    text: str | bytes,
    prompt: str | None = None,
    form: BatchFileFormat | None = None,
    **defaults: Any,
) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return list(
        rows_of(
            data,
            form or guess("", data),
            template=None if prompt is None else Template(prompt),
            defaults=defaults,
            max_deadline_seconds=3600,
        )
    )


def problems(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(row.number, each.field, each.message) for row in rows for each in row.errors]


def refused(text: str | bytes, prompt: str | None = None) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        read(text, prompt)
    return str(caught.value)


def test_each_line_of_jsonl_is_a_request() -> None:
    rows = read('{"id": "a", "prompt": "a teapot"}\n\n{"prompt": "a kettle", "quality": "low"}\r\n')

    assert [(row.number, row.id, row.request) for row in rows] == [
        (1, "a", TEAPOT),
        (2, None, TEAPOT | {"prompt": "a kettle", "quality": "low"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_each_line_of_a_csv_is_a_request(delimiter: str) -> None:
    text = '\ufeffid,prompt,images,deadline_seconds\n7,"red, on\nwhite",s3://abc/d https://a.test/b,60\n'
    rows = read(text.replace(",", delimiter) if delimiter != "," else text)

    comma = "," if delimiter == "," else delimiter
    assert rows == [
        Row(
            number=1,
            id="7",
            request={
                "operation": "edit",
                "prompt": f"red{comma} on\nwhite",
                "images": ["s3://abc/d", "https://a.test/b"],
                "deadline_seconds": 60,
            },
        )
    ]


def test_another_model_has_its_input_as_json_in_a_cell() -> None:
    rows = read('model,input\nany/model,"{""text"": ""x""}"\nany/model,{\n')

    assert rows[0].request == {"model": "any/model", "input": {"text": "x"}}
    assert problems(rows) == [(2, "input", "is not valid")]


def test_a_template_makes_the_prompts_of_its_columns() -> None:
    rows = read(
        "product,colour,prompt\nteapot,red,\nkettle,,\ncup,blue,only this\n",
        "{product} in {colour} {{x}}",
    )

    prompts = [row.request["prompt"] if row.request else None for row in rows]
    assert prompts == ["teapot in red {x}", None, "only this"]
    assert rows[0].request == TEAPOT | {"prompt": prompts[0]}
    assert problems(rows) == [(2, "colour", "is missing")]


def test_a_sheet_with_a_template_may_have_columns_of_other_use() -> None:
    rows = read("sku,product,price,quality\n7,teapot,9.99,low\n", "{product}")
    lines = read('{"sku": 7, "product": "teapot", "qualty": "low"}', "{product}")

    assert rows[0].request == TEAPOT | {"prompt": "teapot", "quality": "low"}
    assert problems(lines) == [(1, "qualty", "is not a field of this request")]


def test_a_template_may_be_around_the_rows_own_prompt() -> None:
    (row,) = read('{"prompt": "a teapot"}', "{prompt}, on white")

    assert row.request == TEAPOT | {"prompt": "a teapot, on white"}


def test_what_a_row_says_goes_before_what_is_said_for_all() -> None:
    rows = read('{"prompt": "x", "quality": "high"}\n{"prompt": "x"}', quality="low")

    assert [row.request and row.request["quality"] for row in rows] == ["high", "low"]


@pytest.mark.parametrize("template", ["{", "{}", "{0[1]}", "{a.b}", "{a!r}", "{a:>9}", "a}"])
def test_a_template_that_is_none_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequestError, match="prompt"):
        Template(template)


def test_one_bad_row_stops_no_other() -> None:
    lines = [
        '{"prompt": "a teapot"}', "no json", "[]", '{"prompt": "x", "quality": "best"}',
        '{"prompt": "x", "qualty": "low"}', '{"prompt": "x", "images": ["ftp://a.test/b"]}',
        '{"id": true, "prompt": "x"}', '{"prompt": NaN}', '{"prompt": "a teapot"}',
    ]  # fmt: skip
    rows = read("\n".join(lines), form=BatchFileFormat.JSONL)

    assert [row.number for row in rows if row.request is not None] == [1, 9]
    assert [(number, field) for number, field, _ in problems(rows)] == [
        (2, ""), (3, ""), (4, "quality"), (5, "qualty"), (6, "images.0"), (7, "id"), (8, ""),
    ]  # fmt: skip


def test_an_id_stands_for_one_row() -> None:
    rows = read('{"id": 1, "prompt": "x"}\n{"id": "1", "prompt": "y"}')

    assert problems(rows) == [(2, "id", "is that of row 1")]


def test_a_line_with_too_many_cells_is_a_bad_row() -> None:
    assert problems(read("prompt,quality\nx,low,oops\n")) == [(1, "", "has 3 cells")]


@pytest.mark.parametrize(
    ("text", "prompt", "words"),
    [
        ("prompt,qualty\nx,low\n", None, "has the column qualty"),
        ("prompt,sku\nx,7\n", None, "has the column sku"),
        ("product,Qualty\nx,low\n", "{product}", "has the column Qualty"),
        ("product,image\nx,y\n", "{product}", "has the column image"),
        ("prompt,prompt\nx,y\n", None, "two columns of one name"),
        ("prompt,\nx,y\n", None, "a column without a name"),
        ("product\nteapot\n", "{thing}", "names the column thing"),
        ("quality\nlow\n", "{thing}", "names the column thing"),
        ('prompt\n"x\n', None, "is no CSV"),
        (b"prompt\n\xff\n", None, "is not in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused_as_a_whole(
    text: str | bytes, prompt: str | None, words: str
) -> None:
    assert words in refused(text, prompt)


def test_a_file_has_only_so_many_rows() -> None:
    assert "too many rows" in refused('{"prompt": "x"}\n' * (MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("a.CSV", b'{"', BatchFileFormat.CSV),
        ("a.jsonl", b"a,b", BatchFileFormat.JSONL),
        ("a.ndjson", b"a,b", BatchFileFormat.JSONL),
        ("a", b'\xef\xbb\xbf\n {"a": 1}', BatchFileFormat.JSONL),
        ("a.txt", b"prompt\nx", BatchFileFormat.CSV),
    ],
)
def test_how_a_file_is_written_is_told_by_its_name_or_its_beginning(
    name: str, data: bytes, form: BatchFileFormat
) -> None:
    assert guess(name, data) is form


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)))
def test_a_prompt_comes_out_of_a_csv_as_it_went_in(prompts: list[str]) -> None:
    text = io.StringIO()
    batch_file = csv.writer(text)
    batch_file.writerow(["id", "prompt"])
    batch_file.writerows(enumerate(prompts))

    rows = read(text.getvalue(), form=BatchFileFormat.CSV)

    for row, prompt in zip(rows, prompts, strict=True):
        assert (row.request is None) == (not prompt.strip())
        assert row.request is None or row.request["prompt"] == prompt.strip()


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(1, 9), st.integers(1, 90))
def test_the_parts_of_a_file_are_all_of_it_in_order(
    parts: list[bytes], rows: int, size: int
) -> None:
    lines = [part.replace(b"\n", b"") + b"\n" for part in parts]
    data, found = b"".join(lines), chunks(lines, rows, size)

    assert b"".join(data[each["start"] : each["end"]] for each in found) == data
    for each in found:
        inside = data[each["start"] : each["end"]].splitlines(keepends=True)
        assert 1 <= data[each["start"] : each["end"]].count(b"\n") <= rows
        assert each["end"] - each["start"] <= size or len(inside) >= 1


@given(
    st.text(st.characters(codec="utf-8")),
    st.none() | st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_a_row_is_read_again_as_it_was_written(prompt: str, name: str | None) -> None:
    row = Row(number=3, id=name, request={"prompt": prompt})

    line = line_of(row)

    assert line.count(b"\n") == 1
    assert Row.model_validate_json(line) == row
    assert json.loads(line)["number"] == 3
