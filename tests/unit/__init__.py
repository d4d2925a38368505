"""Tests that need no database server."""
