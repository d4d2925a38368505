"""Benchmarks of the library against the bare drivers. Run ``python -m tests.benchmarks``."""
