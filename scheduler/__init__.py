"""When things happen: jobs and their timing. Knows no mail and no database."""
