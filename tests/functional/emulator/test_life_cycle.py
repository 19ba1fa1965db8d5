"""The emulator lives exactly as long as somebody needs it, and forgets nothing in between."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loop import guard
from loop.emulator import Endpoints, attach
from loop.errors import PlatformError

SLEEPER = """
import http.server, os
port = int(os.environ["PORT"])
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
CLIENT = """
import sys, time
from pathlib import Path
from loop.emulator import attach
held = attach(Path(sys.argv[1]))
print(held.endpoints.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    return guard.start_time(pid) == ""


def children_of(pid: int) -> list[int]:
    """All descendants that run now."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def bound(port: int) -> socket.socket | None:
    """A killed process keeps its sockets until its last thread is gone."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return None


def client(state: Path) -> tuple["subprocess.Popen[str]", int]:
    process = subprocess.Popen([sys.executable, "-c", CLIENT, str(state)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_starts_promptly_and_answers(tmp_path):
    began = time.monotonic()
    with attach(tmp_path) as emulator:
        assert time.monotonic() - began < 5.0  # about half a second on a machine that has nothing else to do
        with socket.create_connection(emulator.endpoints.grpc.split(":"), timeout=1):
            pass


def test_the_second_client_shares_the_first_ones_emulator(tmp_path, until):
    with attach(tmp_path) as first:
        with attach(tmp_path) as second:
            assert second.endpoints == first.endpoints
        assert not gone(first.endpoints.pid)
    assert until(lambda: gone(first.endpoints.pid))


def test_clients_at_once_start_one_emulator(tmp_path, until):
    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(lambda _: attach(tmp_path), range(6)))
    assert len({each.endpoints.pid for each in held}) == 1
    for each in held:
        each.close()
    assert until(lambda: gone(held[0].endpoints.pid))


def test_two_states_have_two_emulators(tmp_path):
    with attach(tmp_path / "a") as one, attach(tmp_path / "b") as other:
        assert one.endpoints.pid != other.endpoints.pid
        assert one.endpoints.grpc != other.endpoints.grpc


def test_kill_9_of_the_last_client_ends_it_with_every_revision_within_half_a_second(tmp_path, connect, until):
    process, pid = client(tmp_path)
    with attach(tmp_path) as mine:
        target = connect(mine.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER})
        target.wait(target.deploy("app", image))
    running = children_of(pid)
    assert len(running) >= 3  # guard, shell, python
    process.kill()
    killed = time.monotonic()
    until(lambda: gone(pid) and all(gone(each) for each in running), 2.0)
    assert time.monotonic() - killed < 0.6
    process.wait()
    process.stdout.close()


def test_kill_9_of_the_emulator_ends_every_revision_and_the_next_client_finds_everything(tmp_path, connect, until):
    with attach(tmp_path) as first:
        target = connect(first.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER})
        before = target.wait(target.deploy("app", image, revision="app-one"))
        running = children_of(first.endpoints.pid)
        os.kill(first.endpoints.pid, signal.SIGKILL)
        until(lambda: all(gone(each) for each in running), 2.0)
        with attach(tmp_path) as second:
            assert second.endpoints.pid != first.endpoints.pid
            assert children_of(second.endpoints.pid) == []  # nothing starts before it is asked for
            again = connect(second.endpoints)
            assert again.services.get_service(name=before.name) == before
            with urllib.request.urlopen(before.uri, timeout=10) as answer:
                assert answer.status == 200
            assert again.storage.bucket(again.bucket).exists()
            assert again.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER}) == image


def test_work_that_was_under_way_at_a_kill_is_finished_after_the_restart(tmp_path, connect, until):
    slow = f"import time\ntime.sleep(1)\n{SLEEPER}"
    with attach(tmp_path) as first:
        target = connect(first.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py", "main.py": slow})
        deployment = target.deploy("app", image, revision="app-one")
        build = target.submit("other", {"Procfile": "web: x", "requirements.txt": "./nowhere"})
        os.kill(first.endpoints.pid, signal.SIGKILL)
        until(lambda: gone(first.endpoints.pid))
    with attach(tmp_path) as second:
        again = connect(second.endpoints)
        get = again.builds.transport.operations_client.get_operation
        assert until(lambda: get(deployment.operation.name).done, 10)
        assert again.services.get_service(name=again.service_name("app")).latest_ready_revision.endswith("/app-one")
        ended = until(lambda: (told := get(build.operation.name)).done and told, 20)
        assert "nowhere" in ended.error.message


def test_a_busy_port_is_replaced_also_in_what_was_told_of_it(tmp_path, connect, until):
    with attach(tmp_path) as first:
        target = connect(first.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER})
        called = target.wait(target.deploy("called", image))
        kept = target.wait(target.deploy("caller", image, {"CALLED": f"{called.uri}/x", "ALIKE": f"{called.uri}9"}))
    until(lambda: gone(first.endpoints.pid))
    port = int(called.uri.rpartition(":")[2])
    with until(lambda: bound(port)), attach(tmp_path) as second:
        again = connect(second.endpoints)
        moved = again.services.get_service(name=called.name)
        caller = again.services.get_service(name=kept.name)
        assert moved.uri != called.uri
        assert caller.uri == kept.uri
        env = {each.name: each.value for each in caller.template.containers[0].env}
        assert env == {"CALLED": f"{moved.uri}/x", "ALIKE": f"{called.uri}9"}
        revision = again.revisions.get_revision(name=caller.latest_ready_revision)
        assert revision.containers[0].env[0].value == f"{moved.uri}/x"
        with urllib.request.urlopen(moved.uri, timeout=10) as answer:
            assert answer.status == 200


def test_an_address_is_reserved_before_the_first_deployment(tmp_path, connect):
    with attach(tmp_path) as emulator:
        query = f"{emulator.endpoints.admin}/urls?project=acme&region=us-central1&service=app"
        with urllib.request.urlopen(query) as answer:
            url = json.load(answer)["url"]
        with urllib.request.urlopen(f"{query}&tag=green") as answer:
            tagged = json.load(answer)["url"]
        assert tagged != url
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(url)
        missing.value.close()
        target = connect(emulator.endpoints)
        image = target.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER})
        traffic = [{"type_": 1, "percent": 100, "tag": "green"}]
        service = target.wait(target.deploy("app", image, traffic=traffic))
        assert service.uri == url
        assert service.traffic_statuses[0].uri == tagged


def test_an_impossible_name_has_no_address(tmp_path):
    with attach(tmp_path) as emulator:
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            urllib.request.urlopen(f"{emulator.endpoints.admin}/urls?project=acme&region=r&service=Not_A_Name")
        assert "Not_A_Name" in json.load(refused.value)["error"]


def test_a_failed_start_says_why(tmp_path):
    (tmp_path / "resources.db").write_text("this is not a database, and it is long enough to look like one" * 20)
    with pytest.raises(PlatformError, match="file is not a database"):
        attach(tmp_path)


def test_an_endpoints_file_of_another_program_is_not_believed(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            connection, _ = other.accept()
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        pool.submit(answer)
        stale = {"lease": f"127.0.0.1:{other.getsockname()[1]}", "token": "x"}
        (tmp_path / "endpoints.json").write_text(json.dumps(stale))
        with attach(tmp_path) as emulator:
            assert emulator.endpoints.pid > 0


def test_alone_it_prints_one_line_and_leaves_nothing_running(tmp_path, connect, until):
    command = [sys.executable, "-m", "loop.emulator", "--state", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    assert set(said) == {"grpc", "storage", "admin"}
    target = connect(Endpoints(**said, pid=process.pid))
    image = target.image("app", {"Procfile": "web: python main.py", "main.py": SLEEPER})
    target.wait(target.deploy("app", image))
    with attach(tmp_path) as guest:
        assert guest.endpoints.pid == process.pid
    running = children_of(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert until(lambda: all(gone(each) for each in running))
    assert process.stdout.read() == ""
    process.stdout.close()
