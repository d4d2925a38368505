"""The DAOs (hosts, cells, history, secrets), write transactions, waiting, the check, grants."""
