"""The `unchanged` rule, field by field, over the JSON of the serving revision."""

from dataclasses import replace

import pytest

from loop.cloud.settings import difference, differences
from loop.cloud.values import Observed
from loop.cloud.wanted import wanted
from loop.core.environment import Access, BuildMode, Service
from loop.core.model import Serving, Split
from loop.core.settings import Settings

DIGEST = "d" * 64
SERVICE = Service(name="auth", service="acme-auth", source="services/auth", secrets={"JWT": "jwt-secret:3"})
ENV = {"MODE": "staging", "EMPTY": ""}
ALL = (Split(revision="acme-auth-l1-0", percent=100),)


def observed(*, settings=None, traffic=ALL, meant="acme-auth-l1-0", **serving):
    sole = traffic[0].revision if len([s for s in traffic if s.percent]) == 1 else ""
    values = {"revision": sole, "digest": DIGEST[:40], "run": "a1b2c3", **serving}
    return Observed(
        serving=Serving(service="acme-auth", url="http://x", traffic=traffic, **values),
        settings=revision_json() if settings is None else settings,
        meant=meant,
    )


def revision_json(**container):
    env = [
        {"name": "MODE", "value": "staging"},
        {"name": "EMPTY"},
        {"name": "JWT", "valueSource": {"secretKeyRef": {"secret": "jwt-secret", "version": "3"}}},
        {"name": "SET_BY_A_PERSON", "value": "kept"},
    ]
    return {
        "annotations": {"loop-env": "EMPTY,JWT,MODE"},
        "containers": [
            {"image": "repo/acme-auth@sha256:1", "ports": [{"containerPort": 8080}], "env": env, **container}
        ],
        "serviceAccount": "runner@acme.iam",
    }


def test_equal_source_settings_and_split_are_unchanged():
    assert difference(observed(), SERVICE, ENV, "sha256:" + DIGEST) == ""


def test_what_the_configuration_does_not_name_is_no_difference():
    found = observed(settings=revision_json() | {"timeout": "300s", "labels": {"team": "red"}})
    assert difference(found, SERVICE, ENV, DIGEST) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "not deployed yet"),
        (observed(digest="e" * 40), "source changed: loop-digest eeeeeeeeeeee -> dddddddddddd"),
        (observed(digest=""), "source changed: loop-digest none"),
        (observed(run=""), "was not deployed by loop"),
        (observed(meant=""), "traffic follows the latest revision"),
        (observed(meant="acme-auth-00007-xyz"), "traffic is meant for acme-auth-00007-xyz, but acme-auth-l1-0 serves"),
        (observed(traffic=(Split(revision="a", percent=90), Split(revision="b", percent=10))), "split: a 90%, b 10%"),
        (observed(traffic=(Split(revision="a", percent=0, tag="x"),), revision=""), "no revision takes traffic"),
    ],
)  # fmt: skip
def test_each_departure_is_named(found, words):
    assert words in difference(found, SERVICE, ENV, DIGEST)


def test_a_split_tells_what_changed_since_each_of_its_revisions():
    split = (Split(revision="a", percent=70), Split(revision="b", percent=30))
    found = replace(
        observed(traffic=split, revision="", meant="", settings={}), digests={"a": "e" * 40, "b": DIGEST[:40]}
    )
    assert differences(found, SERVICE, ENV, DIGEST) == (
        "traffic is split: a 70%, b 30%",
        "source changed since a: loop-digest eeeeeeeeeeee -> dddddddddddd",
    )


def test_a_variable_with_another_value_is_named_without_its_value():
    words = difference(observed(), SERVICE, {"MODE": "hunter2-secret"}, DIGEST)
    assert "environment variable" in words
    assert "hunter2" not in words
    assert "staging" not in words


@pytest.mark.parametrize(
    ("service", "env", "words"),
    [
        (SERVICE, ENV | {"NEW": "1"}, "environment variable NEW is not set"),
        (SERVICE, {"MODE": "staging"}, "environment variable EMPTY is no longer wanted"),
        (Service(name="auth", service="acme-auth", secrets={"JWT": "jwt-secret:4"}), ENV, "environment variable JWT"),
        (
            Service(name="auth", service="acme-auth", secrets=SERVICE.secrets, port=9000),
            ENV, "port: 8080 -> 9000",
        ),
        (
            Service(name="auth", service="acme-auth", secrets=SERVICE.secrets, template={"timeout": "60s"}),
            ENV, "timeout: not set -> 60s",
        ),
        (
            Service(name="auth", service="acme-auth", secrets=SERVICE.secrets, template={"serviceAccount": "other@x"}),
            ENV, "service_account: runner@acme.iam -> other@x",
        ),
        (
            Service(name="auth", service="acme-auth", secrets=SERVICE.secrets,
                    template={"containers": [{"resources": {"limits": {"cpu": "2"}}}]}),
            ENV, "cpu: not set -> 2",
        ),
        (
            Service(name="auth", service="acme-auth", secrets=SERVICE.secrets,
                    template={"containers": [{}, {"name": "sidecar", "image": "x"}]}),
            ENV, "containers[sidecar] is not set",
        ),
    ],
)  # fmt: skip
def test_each_setting_that_differs_is_named(service, env, words):
    assert words in difference(observed(), service, env, DIGEST)


def test_a_variable_set_by_a_person_is_kept_and_is_no_difference():
    settings = revision_json()
    settings["annotations"] = {}
    assert difference(observed(settings=settings), SERVICE, ENV, DIGEST) == ""


def test_with_a_given_image_the_image_is_compared_instead_of_the_source():
    service = Service(
        name="auth",
        service="acme-auth",
        build=BuildMode.IMAGE,
        image="repo/acme-auth@sha256:1",
        secrets=SERVICE.secrets,
    )
    assert difference(observed(digest=""), service, ENV, "") == ""
    moved = observed(settings=revision_json(image="repo/acme-auth@sha256:2"))
    assert "image: repo/acme-auth@sha256:2 -> repo/acme-auth@sha256:1" in difference(moved, service, ENV, "")


def test_settings_are_compared_on_the_container_that_takes_requests():
    settings = revision_json()
    settings["containers"].insert(0, {"name": "sidecar", "image": "proxy"})
    assert difference(observed(settings=settings), SERVICE, ENV, DIGEST) == ""


def test_the_variables_that_we_set_are_remembered_by_name_only():
    wish = wanted(SERVICE, ENV, "image")
    assert wish["annotations"] == {"loop-env": "EMPTY,JWT,MODE", "loop-settings": ""}


def test_a_secret_without_a_version_means_the_latest():
    wish = wanted(Service(name="a", service="a", secrets={"KEY": "api-key"}), {}, "")
    reference = wish["containers"][0]["env"][0]["valueSource"]["secretKeyRef"]
    assert reference == {"secret": "api-key", "version": "latest"}


def test_every_difference_is_told_not_only_the_first():
    found = observed(digest="e" * 40, meant="")
    service = replace(SERVICE, settings=Settings(memory="1Gi"))
    said = differences(found, service, ENV | {"NEW": "hunter2"}, DIGEST)
    assert said == (
        "traffic follows the latest revision instead of naming acme-auth-l1-0",
        "source changed: loop-digest eeeeeeeeeeee -> dddddddddddd",
        "environment variable NEW is not set",
        "memory: not set -> 1Gi",
    )


def test_arguments_that_differ_are_named_without_their_values():
    found = observed(settings=revision_json(args=["--password=hunter2"], command=["run"]))
    service = replace(SERVICE, settings=Settings(args=("--password=hunter3",), command=("serve",)))
    said = differences(found, service, ENV, DIGEST)
    assert said == ("command: another value is wanted", "args: another value is wanted")


@pytest.mark.parametrize(
    ("found", "settings"),
    [
        ({"cpu": "1000m"}, Settings(cpu="1")),
        ({"cpu": "500m"}, Settings(cpu="0.5")),
        ({"memory": "1024Mi"}, Settings(memory="1Gi")),
    ],
)
def test_another_spelling_of_the_same_amount_is_no_difference(found, settings):
    there = observed(settings=revision_json(resources={"limits": found}))
    assert differences(there, replace(SERVICE, settings=settings), ENV, DIGEST) == ()


@pytest.mark.parametrize(
    ("found", "wish"),
    [
        ({"timeout": "1.500s"}, {"timeout": "1.5s"}),
        ({}, {"sessionAffinity": False}),
        ({}, {"scaling": {"minInstanceCount": 0}}),
        ({"containers": [{"ports": [{"containerPort": 1}], "resources": {}}]}, {"containers": [{"args": []}]}),
        ({"maxInstanceRequestConcurrency": 5}, {"maxInstanceRequestConcurrency": "5"}),
    ],
)
def test_what_the_apis_json_spells_otherwise_or_leaves_out_is_no_difference(found, wish):
    there = observed(settings=revision_json() | found)
    service = Service(name="auth", service="acme-auth", template=wish)
    assert differences(there, service, {}, DIGEST)[3:] == ()


def test_one_entry_more_in_a_list_that_is_sent_whole_is_a_difference():
    there = revision_json() | {"volumes": [volume("k", "a", "b")]}
    service = replace(SERVICE, template={"volumes": [volume("k", "a")]})
    assert differences(observed(settings=there), service, ENV, DIGEST) == ("volumes[k].secret.items: 2 -> 1 entries",)


def volume(name, *files):
    return {"name": name, "secret": {"secret": "s", "items": [{"path": file, "version": "1"} for file in files]}}


@pytest.mark.parametrize(
    ("wish", "access", "words"),
    [
        (Access.PUBLIC, Access.PRIVATE, "access: private -> public"),
        (Access.PRIVATE, Access.PUBLIC, "access: public -> private"),
        (Access.PRIVATE, Access.PRIVATE, ""),
        (Access.KEEP, Access.PUBLIC, ""),
        (Access.PUBLIC, None, ""),
    ],
)
def test_the_wrong_access_is_a_difference_and_keep_has_none(wish, access, words):
    found = replace(observed(), access=access)
    assert difference(found, replace(SERVICE, access=wish), ENV, DIGEST) == words
