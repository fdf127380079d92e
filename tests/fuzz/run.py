"""Coverage-guided fuzzing of every parser by atheris, by hand:

    python3 -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris -r requirements/base.txt
    /tmp/fuzz/bin/python -m tests.fuzz.run TARGET [libFuzzer's options, such as -max_total_time=300]

atheris is no dependency of the project, since it comes for few Pythons. What it finds is kept as a
case of the parser's own unit test.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["listbridge"]):
    from tests.fuzz.targets import TARGETS

_SAMPLES = Path(__file__).parents[2] / "fixtures" / "messages"


def main() -> None:
    """Fuzz one target, beginning with the sample messages."""
    name, *options = sys.argv[1:]
    samples = [str(folder) for folder in _SAMPLES.iterdir() if folder.is_dir()]
    # What libFuzzer finds goes into the first folder.
    found = Path(f"/tmp/fuzz-{name}")
    found.mkdir(exist_ok=True)
    atheris.Setup([sys.argv[0], *options, str(found), *samples], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
