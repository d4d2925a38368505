"""The commands below `hostmap cell`: a file for each, and what they share."""
