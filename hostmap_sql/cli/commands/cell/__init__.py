"""The commands below `hostmap cell`, one file each."""
