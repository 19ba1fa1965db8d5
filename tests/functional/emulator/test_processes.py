"""Which processes run: those that can be reached, from the first request on, with the packages of their image."""

import io
import json
import os
import signal
import tarfile
import threading
import urllib.request
import uuid
import zipfile
from pathlib import Path

import pytest

from loop import guard
from loop.emulator import attach

APP = """
import http.server, json, os, sys, time
print("starting", flush=True)
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            print("slow began", flush=True)
            while not os.path.exists(os.environ["GATE"]): time.sleep(0.01)
        try:
            import parcel
            said = parcel.SAYS
        except ImportError:
            said = "no parcel"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid(), "revision": os.environ["K_REVISION"], "parcel": said,
            "env": dict(os.environ), "path": sys.path, "cwd": os.getcwd()}).encode())
    def log_message(self, *args): ...
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""
FILES = {"Procfile": "web: python main.py", "main.py": APP}


@pytest.fixture
def name():
    return f"p{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def image(shared):
    return shared.image("process-app", FILES)


def get(url, path="/"):
    with urllib.request.urlopen(f"{url}{path}", timeout=20) as answer:
        return json.load(answer)


def gone(pid):
    return guard.start_time(pid) == ""


def to(revision, percent=100, tag=""):
    return {"type_": 2, "revision": revision, "percent": percent, "tag": tag}


def test_a_revision_that_nobody_can_reach_is_stopped(shared, image, name, until):
    one = shared.wait(shared.deploy(name, image, revision=f"{name}-one"))
    first = get(one.uri)["pid"]
    two = shared.wait(shared.deploy(name, image, revision=f"{name}-two", traffic=[to(f"{name}-two")]))
    until(lambda: gone(first))
    second = get(two.uri)["pid"]
    traffic = [to(f"{name}-three"), to(f"{name}-two", 0, "kept")]
    three = shared.wait(shared.deploy(name, image, revision=f"{name}-three", traffic=traffic))
    tagged = next(each.uri for each in three.traffic_statuses if each.tag == "kept")
    assert get(tagged)["pid"] == second


def test_a_request_under_way_is_finished_before_its_revision_stops(shared, image, name, until, tmp_path):
    gate = tmp_path / "gate"
    one = shared.wait(shared.deploy(name, image, {"GATE": str(gate)}, revision=f"{name}-one"))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(get(one.uri, "/slow")))
    thread.start()
    wanted = f'resource.labels.service_name="{name}" textPayload="slow began"'
    request = {"resource_names": [f"projects/{shared.project}"], "filter": wanted}
    until(lambda: list(shared.logs.list_log_entries(request=request)))
    shared.wait(shared.deploy(name, image, {"GATE": str(gate)}, revision=f"{name}-two", traffic=[to(f"{name}-two")]))
    assert get(one.uri)["revision"] == f"{name}-two"
    gate.touch()
    thread.join(10)
    assert [answer["revision"] for answer in answers] == [f"{name}-one"]
    until(lambda: gone(answers[0]["pid"]))


def test_a_killed_process_is_started_again_by_the_next_request(shared, image, name, until):
    service = shared.wait(shared.deploy(name, image))
    first = get(service.uri)["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: gone(first))
    second = get(service.uri)["pid"]
    assert second != first
    wanted = f'resource.labels.service_name="{name}" textPayload:"Container called exit"'
    request = {"resource_names": [f"projects/{shared.project}"], "filter": wanted}
    assert until(lambda: list(shared.logs.list_log_entries(request=request)))


def test_requests_at_once_start_one_process(shared, image, name, until):
    service = shared.wait(shared.deploy(name, image))
    first = get(service.uri)["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: gone(first))
    pids = []
    threads = [threading.Thread(target=lambda: pids.append(get(service.uri)["pid"])) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert len(pids) == 12
    assert len(set(pids)) == 1


def test_a_process_sees_its_own_environment_and_nothing_of_ours(shared, image, name, monkeypatch):
    service = shared.wait(shared.deploy(name, image, {"MINE": "yes"}))
    env = get(service.uri)["env"]
    assert (env["MINE"], env["K_SERVICE"], env["K_CONFIGURATION"]) == ("yes", name, name)
    known = {"MINE", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "PORT", "PATH", "HOME", "LANG", "PYTHONUNBUFFERED"}
    assert set(env) - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == known


def wheel() -> bytes:
    packed = io.BytesIO()
    dated = (2026, 1, 1, 0, 0, 0)  # so that equal wheels are equal bytes
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(zipfile.ZipInfo("parcel.py", dated), "SAYS = 'delivered'\n")
        file.writestr(
            zipfile.ZipInfo("parcel-1.0.dist-info/METADATA", dated),
            "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n",
        )
        file.writestr(
            zipfile.ZipInfo("parcel-1.0.dist-info/WHEEL", dated),
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(zipfile.ZipInfo("parcel-1.0.dist-info/RECORD", dated), "")
    return packed.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def built(target, name):
    files = {key: text.encode() for key, text in FILES.items()}
    files |= {"requirements.txt": b"./parcel-1.0-py3-none-any.whl\n", "parcel-1.0-py3-none-any.whl": wheel()}
    target.storage.bucket(target.bucket).blob("source.tgz").upload_from_string(archive(files))
    source = {"storage_source": {"bucket": target.bucket, "object_": "source.tgz"}}
    build = target.wait(target.submit(name, FILES, source=source))
    wanted = {"resource_names": [f"projects/{target.project}"], "filter": f'resource.labels.build_id="{build.id}"'}
    lines = [entry.text_payload for entry in target.logs.list_log_entries(request=wanted)]
    return f"{target.repository}/{name}@{build.results.images[0].digest}", lines


def test_requirements_are_installed_once_for_every_state_that_shares_the_cache(tmp_path: Path, connect):
    cache = tmp_path / "cache"
    with attach(tmp_path / "one", cache=cache) as emulator:
        target = connect(emulator.endpoints)
        image, lines = built(target, "app")
        assert any("Successfully installed parcel" in line for line in lines)
        service = target.wait(target.deploy("app", image))
        said = get(service.uri)
        assert said["parcel"] == "delivered"
        assert any(str(cache) in each for each in said["path"])
    with attach(tmp_path / "two", cache=cache) as emulator:
        target = connect(emulator.endpoints)
        again, lines = built(target, "app")
        assert again == image
        assert any("cached environment" in line for line in lines)
        assert not any("installed" in line for line in lines)
        assert get(target.wait(target.deploy("app", again)).uri)["parcel"] == "delivered"


def test_a_half_built_environment_is_built_anew(tmp_path: Path, connect):
    cache = tmp_path / "cache"
    with attach(tmp_path / "state", cache=cache) as emulator:
        target = connect(emulator.endpoints)
        image, _ = built(target, "app")
        (environment,) = (each for each in cache.iterdir() if each.is_dir())
        (environment / "complete").unlink()
        (environment / "bin" / "python").unlink()
        again, lines = built(target, "app")
        assert again == image
        assert any("Successfully installed parcel" in line for line in lines)


def test_moving_traffic_between_revisions_restarts_none_that_keeps_serving(shared, image, name):
    shared.wait(shared.deploy(name, image, revision=f"{name}-one"))
    traffic = [to(f"{name}-one", 50, "a"), to(f"{name}-two", 50, "b")]
    both = shared.wait(shared.deploy(name, image, {"N": "2"}, revision=f"{name}-two", traffic=traffic))
    urls = {each.tag: each.uri for each in both.traffic_statuses}
    pids = {tag: get(url)["pid"] for tag, url in urls.items()}
    splits = [(90, 10), (0, 100), (100, 0), (30, 70)]
    for one, two in splits:
        traffic = [to(f"{name}-one", one, "a"), to(f"{name}-two", two, "b")]
        shared.wait(shared.change(name, traffic=traffic))
        assert {tag: get(url)["pid"] for tag, url in urls.items()} == pids


def test_a_revision_with_a_tag_and_no_traffic_is_started_before_anybody_asks(shared, image, name):
    shared.wait(shared.deploy(name, image, revision=f"{name}-one"))
    traffic = [to(f"{name}-one"), to(f"{name}-two", 0, "candidate")]
    service = shared.wait(shared.deploy(name, image, {"N": "2"}, revision=f"{name}-two", traffic=traffic))
    assert len(shared.logged(name, "starting")) == 2
    tagged = next(each.uri for each in service.traffic_statuses if each.tag == "candidate")
    assert get(tagged)["revision"] == f"{name}-two"
    assert get(service.uri)["revision"] == f"{name}-one"
    assert len(shared.logged(name, "starting")) == 2


def test_a_revision_that_loses_its_tag_and_has_no_traffic_is_stopped(shared, image, name, until):
    shared.wait(shared.deploy(name, image, revision=f"{name}-one"))
    traffic = [to(f"{name}-one"), to(f"{name}-two", 0, "candidate")]
    service = shared.wait(shared.deploy(name, image, {"N": "2"}, revision=f"{name}-two", traffic=traffic))
    pid = get(next(each.uri for each in service.traffic_statuses if each.tag == "candidate"))["pid"]
    serving = get(service.uri)["pid"]
    shared.wait(shared.change(name, traffic=[to(f"{name}-one")]))
    until(lambda: gone(pid))
    assert get(service.uri)["pid"] == serving


@pytest.mark.parametrize("level", ["revision", "service"])
def test_minimum_instances_are_there_before_a_request_and_again_after_their_end(tmp_path, connect, until, level):
    with attach(tmp_path) as emulator:
        target = connect(emulator.endpoints)
        image = target.image("app", FILES)
        scaling = {"min_instance_count": 1}
        template = {"containers": [{"image": image}], "revision": "app-one"}
        fields = {"scaling": scaling} if level == "service" else {}
        if level == "revision":
            template["scaling"] = scaling
        service = target.wait(target.deploy("app", image, template=template, **fields))
        first = get(service.uri)["pid"]
        started = len(starts(target))
        os.kill(first, signal.SIGKILL)
        until(lambda: len(starts(target)) > started, 20)
        assert get(service.uri)["pid"] != first
        emulator_pid = emulator.endpoints.pid
    until(lambda: gone(emulator_pid))
    with attach(tmp_path) as emulator:
        target = connect(emulator.endpoints)
        until(lambda: len(starts(target)) > started + 1, 20)  # nobody has asked it anything
        target.wait(target.deploy("app", image, {"N": "2"}, revision="app-two", scaling={}, traffic=[to("app-two")]))
        second = get(service.uri)["pid"]
        os.kill(second, signal.SIGKILL)
        until(lambda: gone(second))
        assert get(service.uri)["revision"] == "app-two"


def starts(target):
    """One line for each start of a process, which APP writes."""
    return target.logged("app", "starting")
