"""Cloud Storage through gcp-storage-emulator, made fit for several clients and for `kill -9`.

Knows nothing of what the objects are for.
"""

import logging
import os
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from gcp_storage_emulator import settings
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.server import RequestHandler, Router
from gcp_storage_emulator.storage import Storage

LOCK = threading.Lock()  # its storage is one set of dictionaries without a lock of its own


class Buckets(Storage):  # type: ignore[misc]
    """Every file is replaced as a whole: a process killed meanwhile leaves the old index, not half of a new one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(use_memory_fs=False, data_dir=os.fspath(folder))
        root = folder / settings.STORAGE_DIR
        plainly = self._store.write_bytes

        def atomically(name: str, content: bytes) -> None:
            plainly(f"{name}~", content)
            os.replace(root / f"{name}~", root / name)

        self._store.write_bytes = atomically

    def read(self, bucket: str, name: str) -> bytes | None:
        with LOCK:
            try:
                return bytes(self.get_file(bucket, name, show_error=False))
            except NotFound:
                return None


class Requests(RequestHandler):  # type: ignore[misc]
    """One thread per connection, one request at a time."""

    def do_GET(self) -> None:  # noqa: N802 (the name that http.server calls)
        with LOCK:
            Router(self).handle(self.command)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 (likewise)


def serve_storage(folder: Path) -> tuple[Buckets, ThreadingHTTPServer]:
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    folder.mkdir(parents=True, exist_ok=True)
    buckets = Buckets(folder.absolute())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Requests, buckets))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="storage").start()
    return buckets, server
