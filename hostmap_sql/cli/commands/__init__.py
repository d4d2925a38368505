"""The commands: a file for each, a folder for each group; cli/app.py registers them."""
