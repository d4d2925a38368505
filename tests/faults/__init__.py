"""What holds when the network and the servers fail."""
