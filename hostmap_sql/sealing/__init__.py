"""Secrets at rest: sealing the URLs of cells in the table, and following references."""
