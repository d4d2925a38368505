"""Makes live databases fail with chosen error codes."""
