"""Decoding: the text of a batch file in UTF-8, UTF-16 or UTF-32."""

import codecs
import csv

from darkroom.domain.batch_file import BatchFileFormat, lines_of_text, refuse
from darkroom.domain.columns import quoted
from darkroom.domain.sheet import delimiter_of

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the BOM of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Magic bytes of files that are often named or exported as CSV.
_NO_TEXT = {
    b"PK\x03\x04": "an Excel, Numbers or ZIP file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip file",
}
_CSV_UTF8 = 'Save it as "CSV UTF-8".'


def decode(data: bytes, file_format: BatchFileFormat) -> str:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, without its byte order mark.

    Raises InvalidRequestError for other encodings: text in a guessed encoding may be wrong, and
    each wrong prompt would be paid for.
    """
    for magic, kind in _NO_TEXT.items():
        if data.startswith(magic):
            raise refuse(f"The file is {kind}. Export the sheet as CSV.", "CSV or JSONL")
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", ""))
    encoding = encoding or _utf16_without_bom(data) or "utf-8"
    body = data[len(bom) :]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        place = _place(body[: error.start].decode(encoding, "replace"), file_format)
        byte = body[error.start : error.start + 1]
        message = f"{place} is not in {encoding.upper()}. {_CSV_UTF8}"
        if encoding == "utf-8":
            message = (
                f"{place} is not in UTF-8: byte 0x{byte.hex().upper()},"
                f' "{byte.decode("cp1252", "replace")}" in Windows-1252. {_CSV_UTF8}'
            )
        raise refuse(message, "UTF-8 or UTF-16") from None


def _utf16_without_bom(data: bytes) -> str | None:
    """Return the encoding of UTF-16 text without a byte order mark: every other byte is zero."""
    head = data[:2000]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 8 or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _place(text: str, file_format: BatchFileFormat) -> str:
    """Return the line and column at which a text ends."""
    lines = lines_of_text(text + "x")
    if file_format is BatchFileFormat.JSONL:
        return f"Line {len(lines)}, character {len(lines[-1])},"
    reader = csv.reader(lines, delimiter=delimiter_of(lines, set())[0])
    records = list(reader)
    column = len(records[-1])
    name = records[0][column - 1 : column] if len(records) > 1 else []
    return f"Line {len(lines)}, column {column}{f' {quoted(name[0])}' if name else ''}"
