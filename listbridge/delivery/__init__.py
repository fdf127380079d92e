"""What subscribers get, and how it gets to them."""
