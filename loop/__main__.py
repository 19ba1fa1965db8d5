"""python -m loop: the same as the command `loop`."""

from loop.cli import main

main()
