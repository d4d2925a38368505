"""Running statements: pools, transactions, retries, lost commits, and translating errors."""
