"""Numbered forward steps of the schema, run when the database is opened."""
