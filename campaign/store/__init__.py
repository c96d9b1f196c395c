"""What people decided: an append-only, hash-chained log in SQLite, or in PostgreSQL by URL."""
