"""Answers fresh ID tokens to a running suite: `GET <url>/<service>` on loopback, as long as the suite runs.

Tokens expire within a suite; so what a suite gets is the means to ask for one. The address holds a word that nobody can
guess: other users of the machine reach the port, but get nothing from it.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from loop.errors import Cancelled, LoopError

VARIABLE = "LOOP_TOKEN_URL"
POLL = 0.05
"""Seconds that the end of a suite may wait for the server's."""


@contextmanager
def serving(fresh: Mapping[str, Callable[[], str]], redact: Callable[[str], str]) -> Iterator[str]:
    """The address, for the time of the block; `fresh` makes a token for each service, by the name people use."""
    word = secrets.token_urlsafe(32)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _requests(word, fresh, redact))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True, name="tokens")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{word}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _requests(
    word: str, fresh: Mapping[str, Callable[[], str]], redact: Callable[[str], str]
) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, _, asked = self.path.partition("/")
            given, _, service = asked.partition("/")
            if not secrets.compare_digest(given.encode(), word.encode()):
                self._say(404, "")
            elif service not in fresh:
                self._say(404, f"there is no service {service!r}; there are: {', '.join(fresh)}")
            else:
                self._answer(fresh[service])

        def _answer(self, make: Callable[[], str]) -> None:
            try:
                self._say(200, make())
            except LoopError as error:
                self._say(503, redact(f"{error.message} ({error.where}); {error.hint}"))
            except Cancelled:
                self._say(503, "the run is being stopped")

        def _say(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Requests
