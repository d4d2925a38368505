"""Benchmarks: what the library costs over the bare driver. See ``python -m tests.benchmarks``."""
