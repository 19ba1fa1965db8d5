"""What passes through the router: bytes unchanged, both ways, as they come; and what the request log says of them."""

import base64
import hashlib
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter

import pytest

APP = """
import base64, hashlib, http.server, json, os, sys, time

class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.web_socket()
        elif self.path == "/stream":
            self.stream()
        elif self.path == "/until-the-end":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"no length")
            self.close_connection = True
        elif self.path == "/die":
            os._exit(5)
        elif self.path == "/break":
            self.wfile.write(b"this is not http\\r\\n\\r\\n")
            self.close_connection = True
        elif self.path == "/slow":
            time.sleep(5)
        elif self.path.startswith("/status/"):
            self.answer(int(self.path[8:11]), b"" if self.path.endswith(("204", "304")) else b"as asked")
        else:
            self.answer(200, json.dumps({"revision": os.environ["K_REVISION"], "pid": os.getpid(),
                "headers": self.headers.items()}).encode())

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "12345")
        self.end_headers()

    def do_POST(self):
        if self.path == "/shut":
            self.close_connection = True
            return self.answer(401, b"not read")
        if self.path == "/refuse":
            self.answer(401, b"not read")
            self.rfile.read(int(self.headers["Content-Length"]))
            return
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, hashlib.sha256(body).hexdigest().encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("X-Twice", "one")
        self.send_header("X-Twice", "two")
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (b"first", b"second"):
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
            self.wfile.flush()
            while part == b"first" and not os.path.exists(os.environ["GATE"]):
                time.sleep(0.01)
        self.wfile.write(b"0\\r\\n\\r\\n")

    def web_socket(self):
        if self.path == "/closed":
            self.answer(403, b"no entry")
            return
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        while data := self.rfile.read1(4096):
            self.wfile.write(data.upper())
            self.wfile.flush()

    def log_message(self, *args): ...

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""


@pytest.fixture(scope="session")
def image(shared):
    return shared.image("router-app", {"Procfile": "web: python main.py", "main.py": APP})


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


@pytest.fixture
def service(shared, image, gate):
    name = f"r{uuid.uuid4().hex[:8]}"
    return shared.wait(shared.deploy(name, image, {"GATE": str(gate)}))


def address(service):
    host, _, port = service.uri.removeprefix("http://").partition(":")
    return host, int(port)


def logged(shared, service, until, more="", count=1):
    """The service's request log, once it holds as many entries as are expected."""
    name = service.name.rpartition("/")[2]
    request = {
        "resource_names": [f"projects/{shared.project}"],
        "filter": f'logName="projects/{shared.project}/logs/run.googleapis.com%2Frequests"'
        f' resource.labels.service_name="{name}" {more}',
    }
    return until(lambda: len(found := list(shared.logs.list_log_entries(request=request))) >= count and found)


def read_head(connection):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        assert part, head
        head += part
    return head.decode()


def upgrade(service, path):
    connection = socket.create_connection(address(service), timeout=5)
    key = base64.b64encode(b"0123456789abcdef").decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return connection, key


def test_web_socket_bytes_pass_both_ways(shared, service, until):
    connection, key = upgrade(service, "/open")
    with connection:
        head = read_head(connection)
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        assert head.startswith("HTTP/1.1 101")
        assert f"Sec-WebSocket-Accept: {accept}" in head
        for word in (b"hello", b"again"):
            connection.sendall(word)
            assert connection.recv(100) == word.upper()
    (entry,) = logged(shared, service, until)
    assert entry.http_request.status == 101


def test_a_refused_handshake_reaches_the_client_as_the_apps_own_answer(shared, service, until):
    connection, _ = upgrade(service, "/closed")
    with connection:
        head = read_head(connection)
        assert head.startswith("HTTP/1.1 403")
        assert connection.recv(100) == b"no entry"
    (entry,) = logged(shared, service, until)
    assert entry.http_request.status == 403


def test_a_web_socket_ends_when_the_client_goes(shared, service, until):
    connection, _ = upgrade(service, "/open")
    read_head(connection)
    connection.close()
    (entry,) = logged(shared, service, until)
    assert entry.http_request.status == 101


def test_a_stream_arrives_part_by_part(service, gate):
    connection = http.client.HTTPConnection(*address(service), timeout=5)
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"  # while the app still waits at the gate
    gate.touch()
    assert answer.read() == b"second"
    connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_arrives_whole(service, chunked):
    body = bytes(range(256)) * 20_000
    connection = http.client.HTTPConnection(*address(service), timeout=10)
    parts = iter([body[:1_000_000], body[1_000_000:]]) if chunked else body
    connection.request("POST", "/", body=parts, encode_chunked=chunked,
                       headers={"Transfer-Encoding": "chunked"} if chunked else {})  # fmt: skip
    assert connection.getresponse().read().decode() == hashlib.sha256(body).hexdigest()
    connection.close()


@pytest.mark.parametrize(("path", "size"), [("/refuse", 30), ("/refuse", 4_000_000), ("/shut", 30)])
def test_an_answer_to_a_body_that_was_not_read_arrives(service, path, size):
    for _ in range(40):
        host, port = address(service)
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("POST", path, body=b"x" * size)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (401, b"not read")
        told = answer.getheader("Connection")
        if told == "keep-alive":  # then it must hold
            connection.request("GET", "/")
            assert connection.getresponse().status == 200
        connection.close()


def test_one_connection_carries_many_requests(shared, service, until):
    connection = http.client.HTTPConnection(*address(service), timeout=5)
    for path, status in (("/", 200), ("/status/204", 204), ("/status/304", 304), ("/status/418", 418), ("/", 200)):
        connection.request("GET", path)
        first = connection.sock
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is first
    connection.request("HEAD", "/")
    answer = connection.getresponse()
    assert answer.headers["Content-Length"] == "12345"
    answer.read()
    connection.request("GET", "/until-the-end")
    assert connection.getresponse().read() == b"no length"
    connection.close()
    entries = logged(shared, service, until, count=7)
    assert [entry.http_request.status for entry in entries] == [200, 204, 304, 418, 200, 200, 200]


def test_no_answer_waits_for_an_acknowledgement(service):
    """Head and body are sent apart; with Nagle's algorithm each request on one connection would take 40 ms more."""
    connection = http.client.HTTPConnection(*address(service), timeout=5)
    taken = []
    for _ in range(40):
        began = time.monotonic()
        connection.request("GET", "/status/418")
        connection.getresponse().read()
        taken.append(time.monotonic() - began)
    connection.close()
    assert sorted(taken)[20] < 0.035


def test_header_fields_pass_unchanged_and_only_googles_are_added(service):
    connection = http.client.HTTPConnection(*address(service), timeout=5)
    connection.putrequest("GET", "/", skip_accept_encoding=True)
    sent = [("X-Mine", "1"), ("X-Mine", "2"), ("Cookie", "a=b"), ("X-Forwarded-For", "10.0.0.9")]
    for name, value in sent:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    got = json.load(answer)["headers"]
    connection.close()
    assert [answer.headers.get_all("X-Twice")] == [["one", "two"]]
    assert [each for each in got if each[0] in ("X-Mine", "Cookie")] == [list(each) for each in sent[:3]]
    names = {name.lower() for name, _ in got}
    assert names - {"x-mine", "cookie", "host", "connection"} == {
        "x-forwarded-for", "x-forwarded-proto", "forwarded", "traceparent", "x-cloud-trace-context",
    }  # fmt: skip
    assert ["X-Forwarded-For", "10.0.0.9, 127.0.0.1"] in got


def test_the_request_log_has_what_the_request_was(shared, service, until):
    trace = uuid.uuid4().hex
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "User-Agent": "probe/7", "Referer": "http://from"}
    request = urllib.request.Request(f"{service.uri}/status/418?q=1", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="418") as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    (entry,) = logged(shared, service, until, f'trace="projects/{shared.project}/traces/{trace}"')
    said = entry.http_request
    assert (said.request_method, said.request_url) == ("GET", f"{service.uri}/status/418?q=1")
    assert (said.status, said.user_agent, said.referer, said.remote_ip) == (418, "probe/7", "http://from", "127.0.0.1")
    assert said.request_size > 0
    assert said.response_size > 0
    assert 0 < said.latency.ToTimedelta().total_seconds() < 5
    assert entry.span_id == "00f067aa0ba902b7"
    assert entry.resource.labels["revision_name"] == service.latest_ready_revision.rpartition("/")[2]
    assert entry.resource.labels["configuration_name"] == service.name.rpartition("/")[2]


def test_cloud_trace_context_names_the_trace_too(shared, service, until):
    trace = uuid.uuid4().hex
    request = urllib.request.Request(service.uri, headers={"X-Cloud-Trace-Context": f"{trace}/123;o=1"})
    with urllib.request.urlopen(request) as answer:
        sent = dict(json.load(answer)["headers"])
    assert sent["X-Cloud-Trace-Context"] == f"{trace}/123;o=1"
    assert sent["traceparent"].split("-")[1] == trace
    assert logged(shared, service, until, f'trace="projects/{shared.project}/traces/{trace}"')


@pytest.mark.parametrize("path", ["/die", "/break"])
def test_an_instance_that_breaks_off_is_a_503_and_serves_again(shared, service, until, path):
    """Until the kernel has taken a dying process down, it may still accept a connection: then that one is a 503 too."""

    def status(path):
        try:
            with urllib.request.urlopen(f"{service.uri}{path}") as answer:
                return answer.status
        except urllib.error.HTTPError as failed:
            failed.close()
            return failed.code

    with urllib.request.urlopen(service.uri) as answer:
        before = json.load(answer)["pid"]
    assert status(path) == 503
    until(lambda: status("/") == 200)
    with urllib.request.urlopen(service.uri) as answer:
        assert (json.load(answer)["pid"] == before) is (path == "/break")
    statuses = [entry.http_request.status for entry in logged(shared, service, until, count=4)]
    assert statuses[:2] == [200, 503]
    assert statuses[-1] == 200


def test_a_request_that_takes_too_long_is_a_504(shared, image, until):
    name = f"r{uuid.uuid4().hex[:8]}"
    template = {"containers": [{"image": image}], "timeout": {"seconds": 1}}
    service = shared.wait(shared.deploy(name, image, template=template))
    with pytest.raises(urllib.error.HTTPError, match="504") as late:
        urllib.request.urlopen(f"{service.uri}/slow")
    late.value.close()
    assert logged(shared, service, until)[0].http_request.status == 504


def test_what_is_not_http_is_refused(service):
    with socket.create_connection(address(service), timeout=5) as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection(address(service), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_traffic_is_split_by_percent_and_tags_reach_their_revision(shared, image):
    name = f"r{uuid.uuid4().hex[:8]}"
    shared.wait(shared.deploy(name, image, revision=f"{name}-one"))
    traffic = [
        {"type_": 2, "revision": f"{name}-one", "percent": 70},
        {"type_": 2, "revision": f"{name}-two", "percent": 30},
        {"type_": 2, "revision": f"{name}-two", "tag": "canary"},
    ]
    service = shared.wait(shared.deploy(name, image, revision=f"{name}-two", traffic=traffic))
    tagged = {status.tag: status.uri for status in service.traffic_statuses}["canary"]

    def serving(url):
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)["revision"]

    counted = Counter(serving(service.uri) for _ in range(300))
    assert 150 < counted[f"{name}-one"] < 270  # 210 expected; the odds of leaving this are below one in a billion
    assert counted.total() == 300
    assert {serving(tagged) for _ in range(10)} == {f"{name}-two"}


def test_requests_are_served_side_by_side(service, gate):
    """Thirty open streams hold nobody up."""
    begun = threading.Barrier(31)
    ended = []

    def hold():
        connection = http.client.HTTPConnection(*address(service), timeout=20)
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        answer.read(5)
        begun.wait(20)
        ended.append(answer.read())
        connection.close()

    threads = [threading.Thread(target=hold) for _ in range(30)]
    for thread in threads:
        thread.start()
    begun.wait(20)
    began = time.monotonic()
    with urllib.request.urlopen(service.uri) as answer:
        assert answer.status == 200
    assert time.monotonic() - began < 1.0
    gate.touch()
    for thread in threads:
        thread.join(20)
    assert ended == [b"second"] * 30
