"""`hostmap secrets`: a file for each command."""
