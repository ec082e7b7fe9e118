"""Keeps it: SQLite by default, PostgreSQL for those who outgrow one machine."""
