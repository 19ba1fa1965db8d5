"""`python -m loop.emulator`: how `attach` starts the process, and what `loop emulator` does in the foreground."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loop.emulator")
    parser.add_argument("--state", type=Path, required=True, help="folder that holds everything the emulator knows")
    parser.add_argument("--attach-fd", type=int, help="socket of the client that starts it; without one: standalone")
    parser.add_argument("--cache", type=Path, help="folder of virtual environments, shared between states")
    parser.add_argument("--startup", type=float, default=10.0, help="seconds a revision has to listen on PORT")
    parser.add_argument("--quota", action="append", default=[], help="NAME=NUMBER, as tags-per-region=3; repeatable")
    options = parser.parse_args()
    from loop.emulator.quotas import BadQuota, read
    from loop.emulator.server import serve

    try:
        quotas = read(options.quota)
    except BadQuota as bad:
        parser.error(str(bad))
    return serve(
        options.state,
        standalone=options.attach_fd is None,
        attach_fd=options.attach_fd,
        cache=options.cache,
        startup=options.startup,
        quotas=quotas,
    )


if __name__ == "__main__":
    sys.exit(main())
