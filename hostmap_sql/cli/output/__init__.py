"""Showing results: formats, tables, CSV, rows, dry runs, conflicts and progress."""
