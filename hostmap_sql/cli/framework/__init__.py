"""Shared by all commands: settings, options, parameter types, errors, log output, shutdown."""
