"""google.devtools.cloudbuild.v1 CloudBuild and Cloud Storage through Google's clients."""

import io
import re
import tarfile

import pytest
from google.api_core import exceptions
from google.cloud.devtools import cloudbuild_v1

Status = cloudbuild_v1.Build.Status
APP = {"Procfile": "web: python main.py", "main.py": "print('x')"}


def log(target, build_id):
    wanted = f'resource.type="build" resource.labels.build_id="{build_id}"'
    request = {"resource_names": [f"projects/{target.project}"], "filter": wanted}
    return [entry.text_payload for entry in target.logs.list_log_entries(request=request)]


def failed(target, operation):
    """The build of an operation that must fail."""
    with pytest.raises(exceptions.GoogleAPICallError) as raised:
        target.wait(operation)
    build = target.builds.get_build(project_id=target.project, id=operation.metadata.build.id)
    assert build.status == Status.FAILURE
    assert build.failure_info.type_ == cloudbuild_v1.Build.FailureInfo.FailureType.USER_BUILD_STEP
    assert build.failure_info.detail == build.status_detail
    assert build.status_detail in str(raised.value)
    assert any(build.status_detail in line for line in log(target, build.id))
    return build


def test_a_build_gives_the_digest_of_what_it_built(target, name):
    operation = target.submit(name, APP, tags=["content-abc"])
    build = target.wait(operation)
    assert build.status == Status.SUCCESS
    (image,) = build.results.images
    assert image.name == f"{target.repository}/{name}:latest"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image.digest)
    assert build.create_time <= build.start_time <= build.finish_time
    assert list(build.tags) == ["content-abc"]
    read = target.builds.get_build(project_id=target.project, id=build.id)
    assert read == build
    assert target.builds.get_build(name=build.name, id="", project_id="") == build
    assert any(image.digest in line for line in log(target, build.id))


@pytest.mark.emulator_only("its images are addressed by the content of their source")
def test_equal_sources_give_the_equal_image_and_others_another(target, name):
    first, again, other = (target.image(name, files) for files in (APP, APP, {**APP, "main.py": "print('y')"}))
    assert first == again
    assert other != first


def test_an_image_can_be_deployed_by_its_tag(target, echo_image, name):
    service = target.wait(target.deploy(name, f"{target.repository}/echo:latest"))
    assert service.latest_ready_revision


@pytest.mark.emulator_only("its builder needs a Procfile; Google's finds other ways")
@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"main.py": ""}, "no Procfile"),
        ({"Procfile": "worker: python main.py\n"}, "no line `web: COMMAND`"),
        ({**APP, "requirements.txt": "./not-there\n"}, "not-there"),
    ],
)
def test_a_source_that_can_not_be_built_fails_with_a_sentence(target, name, files, says):
    assert says in failed(target, target.submit(name, files)).status_detail


@pytest.mark.emulator_only("Google runs any step's image")
def test_another_steps_image_is_refused_in_the_builds_own_detail(target, name):
    steps = [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "."]}]
    build = failed(target, target.submit(name, APP, steps=steps))
    assert "gcr.io/cloud-builders/docker" in build.status_detail


@pytest.mark.emulator_only("the words and the kind of failure are its own")
def test_an_image_that_no_step_built_fails(target, name):
    build = failed(target, target.submit(name, APP, images=[f"{target.repository}/elsewhere"]))
    assert "elsewhere" in build.status_detail


@pytest.mark.emulator_only("the words and the kind of failure are its own")
def test_a_source_that_is_not_there_fails(target, name):
    source = {"storage_source": {"bucket": target.bucket, "object_": "no/such.tgz"}}
    build = failed(target, target.submit(name, APP, source=source))
    assert "no/such.tgz" in build.status_detail


@pytest.mark.emulator_only("the words and the kind of failure are its own")
def test_a_source_that_leads_outside_is_refused(target, name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    target.storage.bucket(target.bucket).blob("evil.tgz").upload_from_string(packed.getvalue())
    build = failed(
        target, target.submit(name, APP, source={"storage_source": {"bucket": target.bucket, "object_": "evil.tgz"}})
    )
    assert "outside" in build.status_detail


def test_substitutions_are_filled_in(target, name):
    image = f"{target.repository}/{name}"
    steps = [{"name": "gcr.io/k8s-skaffold/pack", "args": ["build", "${_IMAGE}:$BUILD_ID", "--builder", "b"]}]
    build = target.wait(
        target.submit(name, APP, steps=steps, substitutions={"_IMAGE": image}, images=["${_IMAGE}:$BUILD_ID"])
    )
    assert build.results.images[0].name == f"{image}:{build.id}"


def test_a_build_without_steps_is_refused(target):
    with target.refuses(exceptions.InvalidArgument, "steps"):
        target.builds.create_build(project_id=target.project, build=cloudbuild_v1.Build())


def test_an_unknown_build_is_not_found(target):
    with pytest.raises(exceptions.NotFound):
        target.builds.get_build(project_id=target.project, id="00000000-0000-0000-0000-000000000000")


def test_an_unknown_build_can_not_be_cancelled(target):
    with pytest.raises(exceptions.NotFound):
        target.builds.cancel_build(project_id=target.project, id="00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("fields", [{"filter": 'status="SUCCESS'}, {"page_token": "nonsense"}])
def test_a_list_of_builds_that_can_not_be_understood_is_refused(target, fields):
    with pytest.raises(exceptions.InvalidArgument):
        target.builds.list_builds(cloudbuild_v1.ListBuildsRequest(project_id=target.project, **fields))


def test_builds_are_listed_newest_first_and_by_filter(target, name):
    builds = [target.wait(target.submit(name, APP, tags=[name, f"number-{k}"])) for k in range(3)]
    request = cloudbuild_v1.ListBuildsRequest(project_id=target.project, filter=f'tags="{name}"', page_size=2)
    listed = [build.id for build in target.builds.list_builds(request)]
    assert listed == [build.id for build in builds[::-1]]
    request.filter = f'tags="{name}" AND tags="number-1" AND status="SUCCESS"'
    assert [build.id for build in target.builds.list_builds(request)] == [builds[1].id]


@pytest.mark.emulator_only("waits for an address of this machine")
def test_a_build_ends_at_its_time_out(target, name, never):
    operation = target.submit(name, {**APP, "requirements.txt": never}, timeout={"seconds": 2})
    with pytest.raises(exceptions.GoogleAPICallError):
        target.wait(operation)
    build = target.builds.get_build(project_id=target.project, id=operation.metadata.build.id)
    assert build.status == Status.TIMEOUT


@pytest.mark.emulator_only("waits for an address of this machine")
def test_a_cancelled_build_stops(target, name, never):
    operation = target.submit(name, {**APP, "requirements.txt": never})
    build = target.builds.cancel_build(project_id=target.project, id=operation.metadata.build.id)
    assert build.status == Status.CANCELLED
    with pytest.raises(exceptions.Cancelled):
        target.wait(operation)
    with pytest.raises(exceptions.FailedPrecondition):
        target.builds.cancel_build(project_id=target.project, id=build.id)


def test_objects_are_stored_and_read_back(target, name):
    bucket = target.storage.bucket(target.bucket)
    blob = bucket.blob(f"{name}/object with space.bin")
    blob.upload_from_string(bytes(range(256)) * 4096)
    assert bucket.blob(blob.name).download_as_bytes() == bytes(range(256)) * 4096
    assert [each.name for each in target.storage.list_blobs(target.bucket, prefix=f"{name}/")] == [blob.name]
    blob.delete()
    for once_more in (blob.download_as_bytes, blob.delete):
        with pytest.raises(exceptions.NotFound):
            once_more()
    with pytest.raises(exceptions.Conflict):
        target.storage.create_bucket(target.bucket)


def test_a_bucket_is_there_or_not(target, name):
    assert target.storage.get_bucket(target.bucket).name == target.bucket
    nowhere = target.storage.bucket(f"{target.bucket}-{name}")
    with pytest.raises(exceptions.NotFound):
        target.storage.get_bucket(nowhere.name)
    with pytest.raises(exceptions.NotFound):
        nowhere.blob("x").upload_from_string("x")
