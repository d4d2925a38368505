"""Database servers in containers, with or without certificates, and what can be done to them."""
