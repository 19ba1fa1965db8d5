"""python -P bench/imports.py FILE ARGUMENT...: `loop ARGUMENT...`, which writes to FILE what it imported when.

By Python's own audit events, so that the moment of each import is known. Imports little itself. It is started by its
path, for the working folder is that of the repository that `loop` works on.
"""

import json
import sys
import time
from pathlib import Path


def _main(file: Path, arguments: list[str]) -> None:
    seen: list[tuple[float, str]] = []

    def audit(event: str, details: tuple[object, ...]) -> None:
        if event == "import":
            seen.append((time.time(), str(details[0])))

    sys.addaudithook(audit)
    sys.argv = ["loop", *arguments]
    try:
        from loop.cli import main

        main()
    finally:
        # What was looked for in vain was not imported.
        file.write_text(json.dumps([(at, name) for at, name in seen if name in sys.modules]))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
