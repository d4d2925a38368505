"""What applying the migrations with yoyo is made of: its backend, its tables, its lock."""
