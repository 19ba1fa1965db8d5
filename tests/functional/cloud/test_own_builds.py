"""Builds of the user's own configuration, and images that others built, on the emulator and a registry on loopback."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loop.cloud import BuildFailure, Built, connect
from loop.core.environment import BuildMode, PlatformTarget

PACK = """
steps:
- name: gcr.io/k8s-skaffold/pack
  entrypoint: pack
  args: [build, "{image}", --builder, $_BUILDER, --path, app]
images: ["{image}"]
"""
SOURCE = {"app/server.py": "print(1)", "app/Procfile": "web: python3 server.py\n"}


def own(stage, **fields):
    values = {"_BUILDER": "gcr.io/buildpacks/builder"}
    return stage.service(build=BuildMode.CLOUDBUILD, cloudbuild="cloudbuild.yaml", substitutions=values, **fields)


def submitted(stage, service, config):
    path, digest = stage.archive(**SOURCE)
    uploaded = stage.platform.upload(path, digest)
    return stage.platform.submit_build(service, digest, uploaded, config=config), digest


def test_a_build_of_the_users_own_file_is_found_again_and_deployed_by_digest(stage):
    service = own(stage)
    build, digest = submitted(stage, service, PACK.format(image="$_IMAGE"))
    assert isinstance(build, str)
    lines = []
    built = stage.platform.await_build(build, wait=time.sleep, output=lines.append)
    assert isinstance(built, Built)
    assert built.image.startswith(f"us-docker.pkg.dev/acme/loop/{service.service}@sha256:")
    assert any("pack build" in line for line in lines)
    assert stage.platform.find_image(service, digest) == built.image
    assert stage.platform.find_image(own(stage), digest) is None


def test_a_file_that_pushes_elsewhere_is_an_outcome_before_anything_is_built(stage):
    failed, _ = submitted(stage, own(stage), PACK.format(image="us-docker.pkg.dev/acme/other/x"))
    assert isinstance(failed, BuildFailure)
    assert failed.reason.startswith("cloudbuild.yaml does not push $_IMAGE")


def test_a_step_that_the_emulator_has_not_fails_in_the_builds_own_words(stage):
    config = "steps: [{name: gcr.io/cloud-builders/docker, args: [build, -t, $_IMAGE, .]}]\n"
    service = stage.service(build=BuildMode.CLOUDBUILD, cloudbuild="cloudbuild.yaml")
    build, _ = submitted(stage, service, config)
    failed = stage.platform.await_build(build, wait=time.sleep)
    assert isinstance(failed, BuildFailure)
    assert "gcr.io/cloud-builders/docker" in failed.reason


# images by tag


@contextmanager
def registry(digest, status=200):
    """Answers as the OCI Distribution specification says; remembers what it was asked."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            if digest:
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_image_by_tag_is_deployed_by_the_digest_that_its_registry_says(stage, image):
    digest = image.partition("@")[2]
    with registry(digest) as (host, asked):
        service = stage.service(build=BuildMode.IMAGE, image=f"{host}/team/web:v1.2")
        found = stage.platform.by_digest(service.image)
        assert found == f"{host}/team/web@{digest}"
        assert asked == [("/v2/team/web/manifests/v1.2", None)]
    order = stage.order(service)
    stage.await_order(type(order)(**{**fields(order), "image": found}))
    seen = stage.platform.observe(service)
    assert seen.serving.image == found
    differences = stage.platform.differences
    assert differences(service, seen, env={}, digest=service.image, image=found) == ()
    moved = f"{host}/team/web@sha256:{'0' * 64}"
    (difference,) = differences(service, seen, env={}, digest=service.image, image=moved)
    assert difference == f"image: {found} -> {moved}"


def fields(order):
    return {name: getattr(order, name) for name in order.__slots__}


@pytest.mark.parametrize(("digest", "status"), [("", 200), ("sha256:" + "1" * 64, 401), ("latest", 200)])
def test_a_registry_that_does_not_say_leaves_the_digest_unknown(stage, digest, status):
    with registry(digest, status) as (host, _):
        assert stage.platform.by_digest(f"{host}/web:v1") is None


def test_what_is_a_digest_already_and_what_has_no_registry_of_its_own_needs_no_request(stage):
    assert stage.platform.by_digest("r.example/web@sha256:1") == "r.example/web@sha256:1"
    for image in ("redis:7", "library/redis"):
        assert stage.platform.by_digest(image) is None


def test_an_emulated_platform_asks_no_registry_of_the_outside_world(stage, monkeypatch):
    with proxied(monkeypatch) as connects:
        assert stage.platform.by_digest("us-docker.pkg.dev/acme/loop/web:v1") is None
        assert stage.platform.by_digest("r.example/web:v1") is None
        assert connects == []
        google = connect(PlatformTarget(project="p", region="r", repository="h/p/r", bucket="b"))
        assert google.by_digest("r.example/web:v1") is None
        assert connects == ["r.example:443"]


@contextmanager
def proxied(monkeypatch):
    """What leaves this machine is seen here: a client that may ask the outside world asks for a tunnel first."""
    connects = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            connects.append(self.path)
            self.send_error(403)

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    try:
        yield connects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
