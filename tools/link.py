"""Make the environment that runs this use the sources here, and compile them: `python tools/link.py`.

A line in a .pth file (Python's site module) and a script, instead of an editable install: no build tool to lock, and
nothing that every start would have to pay for.
"""

import compileall
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """\
#!{python}
import sys

try:
    from poolhouse.cli.main import main

    status = main()
except KeyboardInterrupt:  # before the command line is there to say so
    status = 130
sys.exit(status)
"""


def main() -> int:
    """Link and compile."""
    if sys.prefix == sys.base_prefix:
        print("run this with the environment's own Python: .venv/bin/python tools/link.py", file=sys.stderr)
        return 1
    paths = sysconfig.get_paths()
    Path(paths["purelib"], "poolhouse.pth").write_text(f"{ROOT}\n")
    script = Path(paths["scripts"], "poolhouse")
    script.write_text(SCRIPT.format(python=sys.executable))
    script.chmod(0o755)
    compileall.compile_dir(ROOT / "poolhouse", quiet=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
