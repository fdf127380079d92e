"""`python -m listbridge` is the command `listbridge`."""

from listbridge.cli import main

main()
