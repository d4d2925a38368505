"""Shared by all commands: settings, options, errors, redaction, terminal text, logs, shutdown."""
