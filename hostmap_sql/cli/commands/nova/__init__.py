"""The commands below `hostmap nova`: a file for each, and what they share."""
