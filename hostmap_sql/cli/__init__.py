"""The hostmap command."""
