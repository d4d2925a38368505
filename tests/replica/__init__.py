"""Tests of the in-memory copy."""
