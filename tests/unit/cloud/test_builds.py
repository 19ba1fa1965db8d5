"""The Build that is sent, and what its ending means."""

import pytest
from google.cloud.devtools.cloudbuild_v1 import types as cloudbuild

from loop import errors
from loop.cloud.builds import _image, _operators, build_for
from loop.core.environment import BuildMode, Service

DIGEST = "sha256:" + "d" * 64
IMAGE = "host/p/loop/acme-auth:" + "d" * 40


def build(mode):
    service = Service(name="auth", service="acme-auth", source="auth", build=mode)
    return build_for(service, DIGEST, "gs://bucket/loop/source/d.tar.gz", "host/p/loop", 1200)


def test_a_buildpack_build_is_one_pack_step_with_googles_builder():
    made = build(BuildMode.BUILDPACK)
    (step,) = made.steps
    assert (step.name, step.entrypoint) == ("gcr.io/k8s-skaffold/pack", "pack")
    assert list(step.args)[:4] == ["build", IMAGE, "--builder", "gcr.io/buildpacks/builder"]


def test_a_dockerfile_build_is_one_docker_step():
    (step,) = build(BuildMode.DOCKERFILE).steps
    assert step.name == "gcr.io/cloud-builders/docker"
    assert list(step.args)[-3:] == ["-t", IMAGE, "."]


def test_a_build_is_found_again_by_its_content_and_names_what_it_pushes():
    made = build(BuildMode.BUILDPACK)
    assert list(made.images) == [IMAGE]
    assert list(made.tags) == ["d" * 40, "buildpack", "acme-auth"]
    assert (made.source.storage_source.bucket, made.source.storage_source.object_) == ("bucket", "loop/source/d.tar.gz")
    assert made.timeout.seconds == 1200
    assert made.options.logging.name == "CLOUD_LOGGING_ONLY"


@pytest.mark.parametrize("name", [IMAGE, "host/p/loop/acme-auth", "host:443/p/loop/acme-auth:tag"])
def test_the_image_is_named_by_the_digest_in_the_results(name):
    results = cloudbuild.Results(images=[cloudbuild.BuiltImage(name=name, digest="sha256:1")])
    image = _image(cloudbuild.Build(results=results))
    assert image == f"{name.partition('/')[0]}/p/loop/acme-auth@sha256:1"


@pytest.mark.parametrize(
    ("status", "failure", "error"),
    [
        ("FAILURE", "USER_BUILD_STEP", None),
        ("FAILURE", "FAILURE_TYPE_UNSPECIFIED", None),
        ("FAILURE", "PUSH_IMAGE_NOT_FOUND", None),
        ("FAILURE", "PUSH_NOT_AUTHORIZED", errors.AccessDenied),
        ("FAILURE", "FETCH_SOURCE_FAILED", errors.Unavailable),
        ("INTERNAL_ERROR", "FAILURE_TYPE_UNSPECIFIED", errors.Unavailable),
        ("CANCELLED", "FAILURE_TYPE_UNSPECIFIED", errors.Conflict),
        ("EXPIRED", "FAILURE_TYPE_UNSPECIFIED", errors.OperationTimeout),
    ],
)
def test_only_what_no_source_change_can_mend_is_an_error(status, failure, error):
    ended = build(BuildMode.BUILDPACK)
    ended.status = cloudbuild.Build.Status[status]
    ended.failure_info.type_ = cloudbuild.Build.FailureInfo.FailureType[failure]
    made = _operators(ended, "why")
    assert made is None if error is None else type(made) is error
