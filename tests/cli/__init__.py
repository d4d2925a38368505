"""Tests of the `hostmap` command."""
