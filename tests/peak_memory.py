"""Run a command and write down the most memory it held: `peak_memory.py FILE COMMAND…`.

It is small itself, since a process counts what it was forked from as its own.
"""

import resource
import subprocess
import sys
from pathlib import Path

status = subprocess.call(sys.argv[2:])
peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
Path(sys.argv[1]).write_text(str(peak_kb))
sys.exit(status)
