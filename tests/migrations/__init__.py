"""Tests of applying, rolling back and killing migrations."""
