"""Running statements: passwords, pools, transactions, retries, lost commits, error translation."""
