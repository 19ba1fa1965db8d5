"""google.logging.v2 ListLogEntries through Google's client."""

import urllib.request
import uuid

import pytest
from google.api_core import exceptions
from google.rpc.error_details_pb2 import RetryInfo

from loop.emulator import attach

LINES = """
import http.server, json, os, sys
print("plain text")
print(json.dumps({"severity": "warning", "message": "structured", "user": 7}))
print(json.dumps({"severity": "ERROR", "message": "only a message"}))
print("to stderr", file=sys.stderr)
sys.stdout.flush()
http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


NAME = f"lc-log-{uuid.uuid4().hex[:6]}"
OURS = f'resource.labels.service_name="{NAME}" '
REQUESTS = f'{OURS} logName:"requests" '


@pytest.fixture(scope="module")
def service(target):
    image = target.image("logging", {"Procfile": "web: python main.py", "main.py": LINES})
    service = target.wait(target.deploy(NAME, image, revision=f"{NAME}-one"))
    for k in range(5):
        request = urllib.request.Request(f"{service.uri}/{k}", headers={"User-Agent": f"agent-{k}"})
        assert target.status(request) == 404
    target.until(lambda: len(found(target, REQUESTS)) == 5)
    return service


def found(target, wanted, **more):
    request = {"resource_names": [f"projects/{target.project}"], "filter": wanted, **more}
    return list(target.logs.list_log_entries(request=request))


def agents(entries):
    return [entry.http_request.user_agent for entry in entries]


def test_lines_of_a_revision_are_entries(target, service):
    (plain,) = found(target, f'{OURS} textPayload="plain text"')
    assert plain.log_name == f"projects/{target.project}/logs/run.googleapis.com%2Fstdout"
    assert plain.resource.type == "cloud_run_revision"
    assert dict(plain.resource.labels) == {
        "service_name": NAME, "revision_name": f"{NAME}-one", "configuration_name": NAME,
        "location": target.region, "project_id": target.project,
    }  # fmt: skip
    (on_stderr,) = found(target, f'{OURS} textPayload:"to stderr"')
    assert on_stderr.log_name.endswith("%2Fstderr")


def test_structured_lines_become_a_json_payload_with_their_severity(target, service):
    (structured,) = found(target, f'{OURS} jsonPayload.message="structured" jsonPayload.user=7')
    assert structured.severity == 400  # WARNING
    (message,) = found(target, f'{OURS} severity=ERROR logName:"stdout"')
    assert message.text_payload == "only a message"


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        ('httpRequest.userAgent="agent-2"', [2]),
        ('httpRequest.userAgent="AGENT-2"', [2]),
        ('http_request.user_agent="agent-2"', [2]),
        ('httpRequest.userAgent:"agent"', [0, 1, 2, 3, 4]),
        ('httpRequest.userAgent=("agent-1" OR "agent-3")', [1, 3]),
        ('httpRequest.userAgent="agent-1" OR httpRequest.userAgent="agent-3"', [1, 3]),
        ('httpRequest.userAgent=~"agent-[34]$"', [3, 4]),
        ('NOT httpRequest.userAgent="agent-0"', [1, 2, 3, 4]),
        ('-httpRequest.userAgent="agent-0"', [1, 2, 3, 4]),
        ('httpRequest.userAgent!="agent-0"', [1, 2, 3, 4]),
        ("httpRequest.status>=500", []),
        ("httpRequest.status<500 AND httpRequest.status>400", [0, 1, 2, 3, 4]),
        ("severity>=WARNING", [0, 1, 2, 3, 4]),
        ("severity>=ERROR", []),
        ("trace:*", [0, 1, 2, 3, 4]),
        ("labels.none:*", []),
        ('resource.labels.revision_name:"-one"', [0, 1, 2, 3, 4]),
        ('resource.labels.revision_name:"-two"', []),
        ('"agent-4"', [4]),
        ('timestamp>="2020-01-01T00:00:00Z"', [0, 1, 2, 3, 4]),
        ('timestamp<"2020-01-01T00:00:00Z"', []),
        ('timestamp>="2020-01-01"\n  -- a comment\n resource.type="cloud_run_revision"', [0, 1, 2, 3, 4]),
    ],
)
def test_filters(target, service, wanted, which):
    assert agents(found(target, REQUESTS + wanted)) == [f"agent-{k}" for k in which]


def test_a_window_of_time_holds_what_happened_in_it(target, service):
    entries = found(target, REQUESTS)
    second, fourth = (entries[k].timestamp.rfc3339() for k in (1, 3))
    assert agents(found(target, f'{REQUESTS} timestamp>="{second}" timestamp<"{fourth}"')) == ["agent-1", "agent-2"]


def test_entries_come_in_order_of_time_or_the_other_way_round(target, service):
    up = agents(found(target, REQUESTS, order_by="timestamp asc"))
    assert up == [f"agent-{k}" for k in range(5)]
    assert agents(found(target, REQUESTS, order_by="timestamp desc")) == up[::-1]


def test_entries_come_page_by_page(target, service):
    for order in ("timestamp asc", "timestamp desc"):
        request = {
            "resource_names": [f"projects/{target.project}"],
            "filter": REQUESTS,
            "page_size": 2,
            "order_by": order,
        }
        pages = [agents(page.entries) for page in target.logs.list_log_entries(request=request).pages]
        assert [len(page) for page in pages] == [2, 2, 1]
        assert len({agent for page in pages for agent in page}) == 5


def test_another_projects_entries_are_not_shown(target, service):
    assert list(target.logs.list_log_entries(request={"resource_names": ["projects/other"], "filter": ""})) == []


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"filter": "resource.type="}, "filter"),
        ({"filter": '(resource.type="x"'}, "filter"),
        ({"order_by": "severity"}, "order_by"),
        ({"page_size": 1001}, "page_size"),
        ({"resource_names": []}, "resource_names"),
        ({"page_token": "nonsense"}, "page_token"),
    ],
)
def test_what_can_not_be_understood_is_refused(target, request_, says):
    with target.refuses(exceptions.InvalidArgument, says):
        list(target.logs.list_log_entries(request={"resource_names": [f"projects/{target.project}"], **request_}))


@pytest.mark.emulator_only("Google's quota is shared by the whole project")
def test_reads_beyond_the_quota_are_refused_until_the_minute_is_over(target, targets, pytestconfig, tmp_path):
    note = pytestconfig.pluginmanager.get_plugin("conformance-ledger").note
    with attach(tmp_path, quotas={"log-reads-per-minute": 2}) as emulator:
        limited = targets.emulated(emulator.endpoints, "limited", "limited-source", note)
        request = {"resource_names": ["projects/limited"], "filter": ""}
        for _ in range(2):
            limited.logs.list_log_entries(request=request, retry=None)
        with pytest.raises(exceptions.ResourceExhausted) as refused:
            limited.logs.list_log_entries(request=request, retry=None)
        (retry,) = [each for each in refused.value.details if isinstance(each, RetryInfo)]
        assert 50 < retry.retry_delay.ToTimedelta().total_seconds() <= 60
        assert refused.value.reason == "RATE_LIMIT_EXCEEDED"
        other = {**request, "resource_names": ["projects/other"]}
        limited.logs.list_log_entries(request=other, retry=None)
        limited.close()
