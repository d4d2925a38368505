"""Messages without secrets: the one place that filters what messages of the command quote.

Passwords get into messages if a user types a URL in the wrong place or names the wrong file, or if
a server or driver quotes its input. Texts may be long and hostile, so all functions take linear
time.
"""

from __future__ import annotations

import re
from collections import deque
from string import ascii_letters, digits
from typing import TYPE_CHECKING
from unicodedata import normalize

from hostmap_sql.cli.framework.terminal import printable
from hostmap_sql.dialects.database_url import EXAMPLE
from hostmap_sql.masking import MASK, MAX_SCHEME_LENGTH, mask
from hostmap_sql.quoting import ASSIGNMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The characters to keep at the beginning of a message, and at its end, which may have the remedy.
_MAX_HEAD = 3_000
_MAX_TAIL = 1_000

# The same for text of many lines, such as a traceback.
_MAX_HEAD_LINES = 300
_MAX_TAIL_LINES = 300

# Words, numbers and times, which users type for names and numbers. Anything else may be a password.
_HARMLESS = re.compile(
    r"-{0,2}[a-z]{1,16}(?:[-_.][a-z]{1,16}){0,3}"
    r"|[-+]?[0-9]{1,20}(?:\.[0-9]{1,10})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T0-9:.+-]{0,25}Z?"
)

_SCHEME_CHARACTERS = frozenset(f"{ascii_letters}{digits}+.-{{}}")
# Opening quotes of repr() follow the first characters; closing ones precede the second.
_OPENING = re.compile(r"(?:(?<=[\s(=:,\[{])|\A)['\"]")
_CLOSING = re.compile(r"(?<!\\)(['\"])(?=[\s,:;.)\]}?!]|\Z)")
# The most spaces in a password outside quotes.
_MAX_SPACES = 5
_PUNCTUATION = ",:;.)"
_QUOTES = "'\")]}"


def safe_line(text: str) -> str:
    """Return a message as one printable line without secrets; cut it if it is too long."""
    if len(text) <= _MAX_HEAD + _MAX_TAIL:
        return _safe(text)
    head, _, word = text[:_MAX_HEAD].rpartition(" ")
    # A piece of a URL or login must not show: mask() would not recognize it.
    beginning = word[:60] if not any(sign in word for sign in ":@=%") else ""
    tail = text[-_MAX_TAIL:].partition(" ")[2]
    left_out = len(text) - len(head) - len(beginning) - len(tail)
    cut = f"... ({left_out:,} characters are left out here)"
    return f"{_safe(f'{head} {beginning}')}{cut} {_safe(tail)}".strip()


def safe_lines(text: str) -> str:
    """Return a text of several lines, such as a traceback, made safe line by line."""
    lines = text.split("\n")
    left_out = len(lines) - _MAX_HEAD_LINES - _MAX_TAIL_LINES
    if left_out > 0:
        cut = f"... ({left_out:,} lines are left out here)"
        lines = [*lines[:_MAX_HEAD_LINES], cut, *lines[-_MAX_TAIL_LINES:]]
    return "\n".join(map(safe_line, lines))


def _safe(text: str) -> str:
    # A URL with a line break in it must stay one word.
    if "://" not in text:
        text = " ".join(line.strip("\t\r") for line in text.strip("\r\n").split("\n"))
    return redact(printable(text))


def quotable(value: str) -> str:
    """Return a value of the command line for messages: a word, number or time, or else masked."""
    if _HARMLESS.fullmatch(value):
        return value
    shown = redact_value(printable(value))
    return shown if "://" in shown else MASK


def redact(text: str) -> str:
    """Mask the URLs, logins and passwords in a printable message.

    >>> redact("there is no cell 'rabbit://nova:s3cret@mq1/'")
    "there is no cell 'rabbit://nova:***@mq1/'"
    """
    closings: Mapping[str, deque[int]] = {"'": deque(), '"': deque()}
    for match in _CLOSING.finditer(text):
        closings[match[1]].append(match.start())
    shown = []
    position = 0
    for opening in _OPENING.finditer(text):
        start = opening.end()
        if start <= position:
            continue
        ends = closings[opening[0]]
        while ends and ends[0] < start:
            ends.popleft()
        end = ends[0] if ends else len(text)
        shown += [_redact_words(text[position:start]), redact_value(text[start:end])]
        shown.append(text[end : end + 1])
        position = end + 1
    return "".join([*shown, _redact_words(text[position:])])


def _redact_words(text: str) -> str:
    """Mask text outside quotes, where a secret ends at a space."""
    if not any(sign in text for sign in "@=%") and "://" not in text and text.isascii():
        return text
    shown = []
    is_secret = False
    for word in _joined_words(text.split(" ")):
        core = word.rstrip(_PUNCTUATION).rstrip(_QUOTES)
        if is_secret and core:
            shown.append(f"{MASK}{word[len(core) :]}")
        elif "=" in core or "@" in core or "://" in core or not core.isascii() or "%" in core:
            shown.append(f"{redact_value(core, '=')}{word[len(core) :]}")
        else:
            shown.append(word)
        # As in "password = s3cret".
        is_secret = word == "=" and _is_secret_name(shown[-2:-1])
        is_secret = is_secret or (word.endswith("=") and _is_secret_name([word[:-1]]))
    return " ".join(shown)


def _joined_words(words: list[str]) -> Iterator[str]:
    """Yield the words; join a URL with the words up to an "@", if its password may have spaces."""
    place = 0
    while place < len(words):
        end = place + 1
        if "://" in words[place] and "@" not in words[place]:
            ends = range(end, min(end + _MAX_SPACES, len(words)))
            end = next((other + 1 for other in ends if "@" in words[other]), end)
        yield " ".join(words[place:end])
        place = end


def _is_secret_name(words: list[str]) -> bool:
    return any(ASSIGNMENT.search(f"{word[-80:]}=") for word in words)


def redact_value(value: str, signs: str = "=:") -> str:
    """Mask the secrets in a value that a message quotes, such as a line of a file.

    :param signs: the signs that may stand between the name of a secret and the secret itself.
    """
    if value == EXAMPLE:
        return value
    place = value.find("://")
    if place >= 0 and value != "://":
        start = _scheme_start(value, place)
        return f"{_redact_plain(value[:start], signs)}{mask(value[start:])}"
    return _redact_plain(value, signs)


def _scheme_start(value: str, end: int) -> int:
    """Return the beginning of the scheme that ends here."""
    start = end
    while start and end - start < MAX_SCHEME_LENGTH and value[start - 1] in _SCHEME_CHARACTERS:
        start -= 1
    while start < end and not (value[start].isalpha() or value[start] == "{"):
        start += 1
    return start


def _redact_plain(value: str, signs: str) -> str:
    if _is_login(value) or _is_disguised(value):
        return MASK
    for match in ASSIGNMENT.finditer(value):
        if (match["sign"] or " ") in signs and match.end() < len(value):
            return f"{value[: match.end()]}{MASK}"
    return value


def _is_login(value: str) -> bool:
    return ":" in value[: max(value.rfind("@"), 0)]


def _is_disguised(value: str) -> bool:
    """Return whether a value is a URL or login in percent-encoding, or in look-alikes."""
    if "%" in value:
        lower = value.lower()
        if "%40" in lower and ("%3a" in lower or ":" in lower):
            return True
    if value.isascii():
        return False
    plain = normalize("NFKC", value)
    return plain != value and (_is_login(plain) or "://" in plain)
