"""What runs: a single round of polling and sending, and what is built from it."""
