"""Text of users: decoded when it comes in, and escaped when it is shown."""

import codecs
import json
import re
import sys

from darkroom_cli.errors import CliError, Exit

# Characters that a terminal obeys instead of showing them, and those that show nothing: control
# characters, marks for the direction of text, invisible letters and signs, other line ends, and
# bytes of text that is not Unicode. The joiners U+200C and U+200D and the variation selectors are
# part of words and emoji.
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff]"
)
_MAX_STDIN = 1_000_000  # bytes; a prompt has at most 32,000 characters
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def escape(text: str) -> str:
    """Return text with JSON's escapes for the characters that a terminal obeys, except newlines.

    A JSON document keeps its meaning, because such characters occur only in its strings.
    """
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def cell(text: str) -> str:
    """Return text as one cell of a table: escaped, on one line."""
    return escape(text).replace("\n", "\\n")


def is_unicode(text: str) -> bool:
    """Return whether text is Unicode. An argument that is not UTF-8 has half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_stdin() -> str:
    """Return the text on stdin: UTF-8, or UTF-16 with a byte order mark. Raises CliError."""
    try:
        data = sys.stdin.buffer.read(_MAX_STDIN + 1) if sys.stdin else b""
    except OSError as error:
        raise CliError(Exit.BAD_REQUEST, f"Cannot read stdin: {error.strerror}.") from None
    if len(data) > _MAX_STDIN:
        raise CliError(Exit.BAD_REQUEST, "The prompt on stdin is longer than 1 MB.")
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding).strip()
    except UnicodeDecodeError as error:
        message = f"The prompt on stdin is not UTF-8 (byte {error.start + 1})."
        raise CliError(Exit.BAD_REQUEST, message) from None
