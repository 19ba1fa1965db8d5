"""The Build that is sent, and what its ending means."""

import pytest
from google.cloud.devtools.cloudbuild_v1 import types as cloudbuild

from loop import errors
from loop.cloud.builds import _image, _operators, _other_images, build_for
from loop.cloud.cloudbuild import Unusable, build_from
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


# the user's own Cloud Build configuration

OWN = """
steps:
- {name: gcr.io/cloud-builders/docker, args: [build, -t, $_IMAGE, --label, "s=${_SERVICE}", ., $$_IMAGE], dir: app}
- {name: gcr.io/cloud-builders/npm, entrypoint: bash, waitFor: ["-"], env: [MODE=$_MODE]}
images: ["${_IMAGE}"]
substitutions: {_MODE: fast, _LEVEL: "1"}
timeout: 900s
tags: [theirs]
options: {machineType: E2_HIGHCPU_8}
"""


def own(text=OWN, **substitutions):
    service = Service(
        name="auth", service="acme-auth", source="auth", build=BuildMode.CLOUDBUILD, cloudbuild="ci/build.yaml",
        substitutions=substitutions,
    )  # fmt: skip
    ours = build_for(service, DIGEST, "gs://bucket/loop/source/d.tar.gz", "host/p/loop", 1200)
    values = {"_IMAGE": IMAGE, "_SERVICE": "acme-auth", "_DIGEST": "d" * 40}
    return build_from(text, "ci/build.yaml", ours, values, substitutions)


def test_the_users_own_steps_are_sent_with_our_source_tags_and_image():
    made = own(_MODE="slow")
    assert [step.name for step in made.steps] == ["gcr.io/cloud-builders/docker", "gcr.io/cloud-builders/npm"]
    assert (made.steps[0].dir_, list(made.steps[1].wait_for)) == ("app", ["-"])
    assert made.source.storage_source.object_ == "loop/source/d.tar.gz"
    assert list(made.tags) == ["d" * 40, "cloudbuild", "acme-auth", "theirs"]
    assert list(made.images) == ["${_IMAGE}"]
    assert (made.timeout.seconds, made.options.machine_type.name) == (900, "E2_HIGHCPU_8")
    assert made.options.logging.name == "CLOUD_LOGGING_ONLY"


def test_only_substitutions_that_the_file_mentions_are_sent_and_the_users_win_over_the_files():
    made = own(_MODE="slow")
    assert dict(made.substitutions) == {"_MODE": "slow", "_LEVEL": "1", "_IMAGE": IMAGE, "_SERVICE": "acme-auth"}


def test_what_the_file_says_of_timeout_and_log_stays_and_what_it_leaves_out_is_ours():
    made = own("steps: [{name: a, args: [$_IMAGE]}]\noptions: {logging: GCS_ONLY}\n")
    assert (made.timeout.seconds, made.options.logging.name) == (1200, "GCS_ONLY")
    assert list(made.images) == ["$_IMAGE"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no ci/build.yaml in this commit"),
        ("steps: [", "ci/build.yaml:1: this is no YAML: "),
        ("images: [$_IMAGE]", "ci/build.yaml has no steps:"),
        ("steps: [{name: a, args: [$_IMAGE], dri: x}]", "ci/build.yaml: Failed to parse steps field: Message type"),
        ("steps: [{name: a, args: [$_IMAGE]}]\ntimeout: soon", "ci/build.yaml: "),
        ("steps: [{name: a}]", "ci/build.yaml does not push $_IMAGE, the image that loop deploys: build it, and"),
        ("steps: [{name: a, args: [$$_IMAGE, $_IMAGES]}]", "ci/build.yaml does not push $_IMAGE"),
        ("steps: [{name: a, args: [$_IMAGE]}]\nimages: [host/x]", "ci/build.yaml does not list $_IMAGE in images:"),
    ],
)
def test_a_file_that_can_not_be_built_is_told_in_a_sentence(text, sentence):
    with pytest.raises(Unusable) as raised:
        own(text)
    assert raised.value.failure.reason.startswith(sentence)


def test_a_build_that_pushed_another_image_is_not_taken_for_ours():
    ended = own()
    ended.results = cloudbuild.Results(images=[cloudbuild.BuiltImage(name="host/x:1", digest="sha256:1")])
    assert _image(ended) == ""
    assert _other_images(ended) == f"the build succeeded, but it pushed host/x:1, not {IMAGE} ($_IMAGE)"


def test_the_dockerfiles_path_is_handed_to_docker():
    service = Service(name="a", service="a", source="a", build=BuildMode.DOCKERFILE, dockerfile="docker/prod")
    (step,) = build_for(service, DIGEST, "gs://b/o", "host/p/loop", 60).steps
    assert list(step.args)[3:5] == ["-f", "docker/prod"]
    assert step.args[-1] == "."
