"""Applies the DDL of the top-level folder migrations/, with yoyo."""
