"""The in-memory copy of the directory: loaded once, kept current by a thread, with subscribers."""
