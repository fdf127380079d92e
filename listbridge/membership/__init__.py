"""Who is subscribed, and how that comes and goes."""
