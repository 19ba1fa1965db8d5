"""Storage on a bad network: connections that break off are tried again, and what is ours to mend is not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loop import errors
from loop.cloud import Endpoints, connect
from loop.core.environment import PlatformTarget


class Waits(list):
    def __call__(self, seconds):
        self.append(seconds)


@contextmanager
def breaking(storage: str, breaks: int) -> Iterator[str]:
    """A way to the storage of which the first connections end before they answer; its address."""
    host, _, port = storage.removeprefix("http://").rpartition(":")
    listening = socket.create_server(("127.0.0.1", 0))
    left = [breaks]

    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def passed_on(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as there:
            up = threading.Thread(target=pump, args=(client, there), daemon=True)
            up.start()
            pump(there, client)

    def answer() -> None:
        while True:
            try:
                client = listening.accept()[0]
            except OSError:
                return
            if left[0]:
                left[0] -= 1
                client.recv(1)
                client.close()
            else:
                threading.Thread(target=passed_on, args=(client,), daemon=True).start()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def platform(stage, storage):
    there = stage.platform._wire.endpoints
    target = PlatformTarget(
        project="acme", region="us-central1", repository="us-docker.pkg.dev/acme/loop", bucket="acme-bad-network",
        endpoint="emulator",
    )  # fmt: skip
    return connect(target, Endpoints(grpc=there.grpc, storage=storage, admin=there.admin))


def test_connections_that_break_off_are_tried_again(stage):
    path, digest = stage.archive(main_py="x")
    waits = Waits()
    with breaking(stage.platform._wire.endpoints.storage, 3) as storage:
        assert platform(stage, storage).upload(path, digest, wait=waits).startswith("gs://acme-bad-network/")
    assert len(waits) == 3


def test_a_storage_that_stays_away_is_waited_for_until_the_run_is_stopped(stage):
    path, digest = stage.archive(main_py="x")

    def wait(_seconds):
        raise errors.Cancelled

    with pytest.raises(errors.Cancelled):
        platform(stage, "http://127.0.0.1:9").upload(path, digest, wait=wait)


def test_an_archive_that_is_gone_is_not_the_networks_fault(stage):
    with pytest.raises(FileNotFoundError):
        platform(stage, stage.platform._wire.endpoints.storage).upload(
            stage.folder / "gone.tar.gz", "sha256:" + "e" * 64, wait=Waits()
        )
