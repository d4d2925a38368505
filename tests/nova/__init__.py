"""Tests of the tools for Nova, against databases that Nova made."""
