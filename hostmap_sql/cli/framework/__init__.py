"""What all commands are built on: settings, options, parameter types, errors, shutdown."""
