"""The commands below `hostmap nova`, one file each."""
