"""The directory of a partitioned deployment: which cell is a host in, and how is it reached."""

__version__ = "0.1.0"
