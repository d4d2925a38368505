"""The commands below `hostmap host`: a file for each, and what they share."""
