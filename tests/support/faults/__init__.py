"""What goes wrong between a directory and its database: networks, pools, commits, processes."""
