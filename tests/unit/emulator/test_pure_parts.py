"""The parts of the emulator that are functions of their arguments."""

from types import SimpleNamespace

import pytest
from google.rpc.error_details_pb2 import RetryInfo

from loop.emulator import heads, pack, venvs
from loop.emulator.logfilter import FilterError, parse
from loop.emulator.paging import page
from loop.emulator.ports import readdressed
from loop.emulator.quotas import BadQuota, Quotas, Rate, read
from loop.emulator.wire import Refused

ENTRY = {
    "severity": "ERROR",
    "timestamp": "2026-11-22T10:00:00.000000Z",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "api"}},
    "labels": {"k8s.io/x": "y"},
    "httpRequest": {"status": 503, "latency": "1.25s", "responseSize": "1000"},
    "jsonPayload": {"tags": ["a", "b"], "deep": {"flag": True}},
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("severity>=warning", True),
        ("severity<ERROR", False),
        ('labels."k8s.io/x"="y"', True),
        ("httpRequest.latency>1", True),
        ('httpRequest.latency>"1.5s"', False),
        ("httpRequest.responseSize>=999", True),
        ("jsonPayload.tags=b", True),
        ("jsonPayload.tags=c", False),
        ("jsonPayload.deep.flag=true", True),
        ("jsonPayload.deep:flag", False),
        ("jsonPayload:b", True),
        ('resource.labels.service_name = "api" AND NOT httpRequest.status = 200', True),
        ('resource.type="x" OR resource.type="cloud_run_revision" AND severity=INFO', False),  # OR binds tighter
        ('timestamp="2026-11-22T11:00:00+01:00"', True),
        ("no.such.field!=x", True),
        ("no.such.field=x", False),
    ],
)
def test_filter(text, matches):
    assert parse(text)(ENTRY) is matches


@pytest.mark.parametrize("text", ["a=", "(a=b", "a=b)", 'a="unclosed', "=b", "a=(b OR"])
def test_a_broken_filter_is_an_error(text):
    with pytest.raises(FilterError):
        parse(text)


def test_addresses_are_exchanged_at_once():
    text = "http://127.0.0.1:2000/a ws://127.0.0.1:3000 127.0.0.1:20001 http://127.0.0.2:2000 127.0.0.1:2000"
    moved = readdressed(text, {2000: 3000, 3000: 2000})
    assert moved == "http://127.0.0.1:3000/a ws://127.0.0.1:2000 127.0.0.1:20001 http://127.0.0.2:2000 127.0.0.1:3000"


def test_substitutions():
    values = {"PROJECT_ID": "p", "_X": "y"}
    assert pack.substituted("$PROJECT_ID/${_X}/$$X", values) == "p/y/$X"
    with pytest.raises(pack.StepFailed, match="_NONE"):
        pack.substituted("${_NONE}", values)


def test_a_step_that_is_not_emulated_is_refused_with_the_next_step():
    step = SimpleNamespace(name="gcr.io/cloud-builders/docker", entrypoint="", args=["build", "."], dir_="")
    with pytest.raises(
        pack.StepFailed, match=r"no step image 'gcr.io/cloud-builders/docker'.*Procfile.*endpoint: google"
    ):
        pack.read_step(step, {})


@pytest.mark.parametrize(
    ("text", "wanted"), [("", ""), ("# only\n\n  # words\n", ""), ("a==1 # why\n\nb\n", "a==1\nb")]
)
def test_requirements_without_a_requirement_need_no_environment(tmp_path, text, wanted):
    assert venvs.wanted(tmp_path) == ""
    (tmp_path / "requirements.txt").write_text(text)
    assert venvs.wanted(tmp_path) == wanted


def head(first, *fields):
    return heads.Head(tuple(first.split(" ", 2)), fields, 0)


def test_hop_by_hop_fields_stay_behind():
    given = head(
        "GET / HTTP/1.1", ("Connection", "X-Mine, keep-alive"), ("x-mine", "1"), ("TE", "trailers"), ("A", "b")
    )
    assert heads.without_hops(given) == (("A", "b"),)


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        (head("GET / HTTP/1.1"), True),
        (head("GET / HTTP/1.1", ("Connection", "close")), False),
        (head("GET / HTTP/1.0"), False),
        (head("GET / HTTP/1.0", ("connection", "Keep-Alive")), True),
        (head("HTTP/1.1 200 OK"), True),
        (head("HTTP/1.0 200 OK"), False),
    ],
)
def test_which_connections_stay_open(given, keeps):
    assert given.keeps_alive is keeps


def test_a_rate_counts_any_minute_and_tells_when_the_next_call_may_come():
    now = [100.0]
    rate = Rate("reads", 2, lambda: now[0])

    def refused(project="p"):
        try:
            rate.take(project)
        except Refused as refusal:
            retry = RetryInfo()
            refusal.details[0].Unpack(retry)
            return retry.retry_delay.ToTimedelta().total_seconds()
        return None

    assert refused() is None
    now[0] += 20
    assert refused() is None
    assert refused("another") is None
    now[0] += 10
    assert refused() == 30.0
    now[0] += 30
    assert refused() is None  # the first is a minute old
    assert refused() == 20.0


@pytest.mark.parametrize("told", ["nonsense=1", "tags-per-region", "tags-per-region=-1", "tags-per-region=many"])
def test_a_quota_that_can_not_be_understood_is_answered_with_those_that_there_are(told):
    with pytest.raises(BadQuota, match=r"revisions-per-service, tags-per-region, log-reads-per-minute"):
        read([told])


def test_quotas_are_read_by_their_names_and_the_others_keep_their_defaults():
    quotas = read(["tags-per-region=3", "log-reads-per-minute=60"])
    assert quotas == Quotas(tags_per_region=3, log_reads_per_minute=60)


def test_pages_cut_a_list_and_never_repeat_or_leave_out():
    items = list(range(250))
    for size in (0, 1, 99, 100, 1000):
        seen, token = [], ""
        while True:
            shown, token = page(items, SimpleNamespace(page_size=size, page_token=token))
            assert len(shown) <= 100
            seen += shown
            if not token:
                break
        assert seen == items


@pytest.mark.parametrize("asked", [{"page_size": -1, "page_token": ""}, {"page_size": 1, "page_token": "bm9uc2Vuc2U="}])
def test_a_page_that_can_not_be_is_refused(asked):
    with pytest.raises(Refused):
        page([], SimpleNamespace(**asked))
