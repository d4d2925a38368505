"""The commands below `hostmap host`, one file each."""
