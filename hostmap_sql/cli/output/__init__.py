"""Showing results: formats, tables, rows, dry runs, conflicts and progress."""
