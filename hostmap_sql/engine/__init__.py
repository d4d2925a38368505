"""Running statements: connections, transactions, retries, lost commits and errors by their code."""
