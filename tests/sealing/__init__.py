"""Tests of sealed URLs, key rings and references."""
