"""`python -m hostmap_sql` is the ``hostmap`` command."""

from hostmap_sql.cli import main

if __name__ == "__main__":
    main()
