"""The command `listbridge`, which is also `python -m listbridge`."""

import signal
import sys


def main() -> None:
    """Run the command line, whose modules take half a second to import."""
    if "serve" in sys.argv:
        # A reload that is asked for meanwhile would end the process; `serve` takes it when it runs.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from listbridge import cli

    cli.main()


if __name__ == "__main__":
    main()
