"""Every relative link of the documents leads to a file, and every anchor to a heading in it."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCUMENTS, REPOSITORY

_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(?P<text>.+?) *$", re.MULTILINE)
_ABSOLUTE = re.compile(r"https://|mailto:")


@cache
def text_of(document: str) -> str:
    """Return the document without its code blocks."""
    return _FENCED.sub("", (REPOSITORY / document).read_text(encoding="utf-8"))


@cache
def anchors(document: str) -> frozenset[str]:
    """Return the anchors of the headings, as GitHub and MyST make them."""
    headings = (match["text"].lower() for match in _HEADING.finditer(text_of(document)))
    return frozenset(re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in headings)


def links(document: str) -> list[str]:
    text = _CODE.sub("", text_of(document))
    return [unquote(match["target"]) for match in _LINK.finditer(text)]


def broken(document: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (REPOSITORY / document).parent / path if path else REPOSITORY / document
    if not target.is_file():
        return True
    name = target.resolve().relative_to(REPOSITORY).as_posix()
    return bool(anchor) and anchor not in anchors(name)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    relative = [link for link in links(document) if not _ABSOLUTE.match(link)]

    assert [link for link in relative if broken(document, link)] == []


def test_every_test_that_a_document_names_exists() -> None:
    pages = "".join((REPOSITORY / document).read_text(encoding="utf-8") for document in DOCUMENTS)
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", pages))

    assert len(named) > 10
    assert [path for path in sorted(named) if not (REPOSITORY / path).is_file()] == []
