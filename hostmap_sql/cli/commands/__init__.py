"""The commands: one file a command, one folder a group; app.py and group.py register them."""
