"""Rows and transactions. Knows no mail protocol; raw bytes are the truth, the rest is derived."""
