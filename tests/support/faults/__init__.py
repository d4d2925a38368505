"""Faults between a directory and its database: of networks, pools, commits and processes."""
