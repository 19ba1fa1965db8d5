"""What holds for a service whatever revision serves: recorded, laid on it, and put back as far as it is ours."""

from dataclasses import replace

import pytest
from google.cloud.run_v2 import types

from loop.cloud import standing
from loop.cloud.conversions import json_from_proto
from loop.cloud.values import Shift
from loop.core.environment import Access, Service
from loop.core.model import Standing
from loop.core.settings import Ingress, Settings

PLAIN = Service(name="a", service="a")
WISH = replace(
    PLAIN,
    access=Access.PRIVATE,
    settings=Settings(ingress=Ingress.INTERNAL, min_instances=2, labels={"team": "red", "a.b/c": "x"}),
)
INTERNAL = types.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY


def found(**fields):
    return types.Service(name="a", ingress=types.IngressTraffic.INGRESS_TRAFFIC_ALL, **fields)


def ours(service):
    return {key: json_from_proto(service).get(key) for key in standing.FIELDS}


FOUND = {
    "nothing set": {},
    "set by somebody else": {
        "scaling": {"min_instance_count": 5, "scaling_mode": 1}, "labels": {"team": "blue", "owner": "ann"},
    },
    "set by an earlier run": {
        "labels": {"old": "1"}, "annotations": {"loop-settings": "labels.old,ingress", "loop-fence": "x:1"},
    },
    "an invoker check that is off": {"invoker_iam_disabled": True},
}  # fmt: skip


@pytest.mark.parametrize("fields", FOUND.values(), ids=FOUND)
def test_what_was_applied_goes_back_to_what_was_found(fields):
    service = found(**fields)
    was, before = standing.recorded(json_from_proto(service)), ours(service)
    standing.apply(service, WISH)
    assert service.ingress == INTERNAL
    assert not service.invoker_iam_disabled
    assert ours(service) != before
    assert "old" not in service.labels
    back, kept = standing.put_back(service, was, (WISH,))
    assert ours(service) == before
    assert "ingress: internal -> all" in back
    assert kept == ()
    assert standing.put_back(service, was, (WISH,)) == ((), ()), "what is back is not told again"


def test_a_later_iteration_that_names_less_is_put_back_as_well():
    service = found()
    was, before = standing.recorded(json_from_proto(service)), ours(service)
    later = replace(WISH, settings=Settings(labels={"team": "green"}))
    standing.apply(service, WISH)
    standing.apply(service, later)
    service.ingress = service.ingress or types.IngressTraffic.INGRESS_TRAFFIC_ALL  # as Cloud Run does
    assert standing.put_back(service, was, (WISH, later))[0] == ("labels.team: green -> not set",)
    assert ours(service) == before


def test_what_somebody_else_set_since_is_told_and_stays():
    service = found()
    was = standing.recorded(json_from_proto(service))
    standing.apply(service, WISH)
    service.labels["team"], service.labels["hers"] = "green", "1"
    _, kept = standing.put_back(service, was, (WISH,))
    assert kept == ("labels.team: green",)
    assert dict(service.labels) == {"team": "green", "hers": "1"}


def test_the_mask_names_what_changed_and_nothing_else():
    service = found(labels={"team": "blue"})
    before = types.Service(service)
    standing.apply(service, replace(PLAIN, settings=Settings(labels={"team": "red"})))
    assert standing.paths_changed(before, service) == ["labels", "annotations"]
    standing.apply(service, WISH)
    assert standing.paths_changed(before, service) == ["ingress", "scaling", "labels", "annotations"]


@pytest.mark.parametrize(
    ("was", "wanted", "access"),
    [
        (True, Access.PRIVATE, Access.PUBLIC),
        (False, Access.PUBLIC, Access.PRIVATE),
        (True, Access.PUBLIC, Access.KEEP),
        (False, Access.KEEP, Access.KEEP),
        (None, Access.PRIVATE, Access.KEEP),
    ],
)
def test_access_goes_back_only_where_a_run_changed_it(was, wanted, access):
    definition = replace(PLAIN, access=wanted)
    shift = Shift(service=PLAIN, to={}, ours=frozenset(), back=Standing(everyone=was), definitions=(PLAIN, definition))
    assert standing.access_of(shift) is access
