"""The DAOs (hosts, cells, history), waiting for hosts, write transactions and the check."""
