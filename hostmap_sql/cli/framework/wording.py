"""Wording that messages and results share."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: "1 host", "3,600 hosts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
