"""The commands below `hostmap secrets`: a file for each, and what they share."""
