"""Secrets do not survive the redactor: declared ones in every encoding, known kinds, also across lines and reads."""

import base64
import html
import itertools
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.core.redact import HELD_BACK, LONGEST_LINE, Redactor

SECRET = 's3cr"t/va&lue+ü\\1'
REDACT = Redactor({"JWT_SECRET": SECRET, "DB_PASSWORD": "password", "NONE": ""})
BODY = "\n".join(f"MIIEvQ{i}" + "aB3/" * 14 + "cd" for i in range(5))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\nQz8=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class TestDeclared:
    @pytest.mark.parametrize(
        "encode",
        [
            str,
            quote,
            quote_plus,
            lambda s: quote(s, safe=""),
            lambda s: quote(s, safe="").replace("%2F", "%2f").replace("%26", "%26").replace("%5C", "%5c")
            .replace("%2B", "%2b").replace("%C3%BC", "%c3%bc"),
            lambda s: json.dumps(s)[1:-1],
            lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
            lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
            lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
            html.escape,
            lambda s: html.escape(s, quote=False),
            lambda s: repr(s)[1:-1],
            lambda s: repr(s.encode())[2:-1],
        ],
    )  # fmt: skip
    def test_a_declared_secret_is_masked_in_every_encoding(self, encode: Callable[[str], str]) -> None:
        text = encode(SECRET)
        assert REDACT(f"<{text}> {text}") == "<[redacted JWT_SECRET]> [redacted JWT_SECRET]"

    @given(st.binary(max_size=5), st.binary(max_size=5), st.booleans())
    def test_base64_hides_it_at_no_alignment(self, before: bytes, after: bytes, url: bool) -> None:
        encode = base64.urlsafe_b64encode if url else base64.b64encode
        value = "correct-horse-battery"
        text = Redactor({"PW": value})(encode(before + value.encode() + after).decode())
        left = text.replace("[redacted PW]", "")
        assert "[redacted PW]" in text
        assert len(left) <= (len(before) + len(after)) * 2 + 8

    def test_the_longer_of_two_secrets_wins(self) -> None:
        redact = Redactor({"SHORT": "hunter2hunter", "LONG": "hunter2hunter-and-more"})
        assert redact("hunter2hunter-and-more hunter2hunter") == "[redacted LONG] [redacted SHORT]"

    def test_a_secret_of_several_lines_is_masked_line_by_line(self) -> None:
        redact = Redactor({"KEY_FILE": "first line of the file\nsecond line of the file\nend\n"})
        assert redact("first line of the file") == "[redacted KEY_FILE]"
        assert redact("a second line of the file b") == "a [redacted KEY_FILE] b"
        assert redact("the end") == "the end"

    def test_a_secret_that_is_a_word_of_a_mark_leaves_marks_alone(self) -> None:
        once = REDACT("postgres://me:hunter2@db password")
        assert once == "postgres://me:[redacted URL password]@db [redacted DB_PASSWORD]"
        assert REDACT(once) == once

    def test_a_short_value_is_masked_as_itself_alone(self) -> None:
        redact = Redactor({"PIN": "abc"})
        assert redact(f"abc {b64('abc')}") == f"[redacted PIN] {b64('abc')}"

    def test_without_secrets_and_without_kinds_text_is_left_alone(self) -> None:
        text = "plain text, https://host:8080/path?x=1@y and user@host\n"
        assert Redactor({})(text) == text


KINDS = [
    (JWT, "[redacted JWT]"),
    (f"GET /x?token={JWT}&y=1 HTTP/1.1", "GET /x?token=[redacted JWT]&y=1 HTTP/1.1"),
    ("eyJhbGciOiJIUzI1NiJ9...", "[redacted JWT]"),
    ("Authorization: Bearer abcdef", "Authorization: Bearer [redacted bearer token]"),
    ('{"Authorization": "Bearer abc.d-e_f~g+h/i=="}', '{"Authorization": "Bearer [redacted bearer token]"}'),
    ("('authorization', 'bearer abcdef')", "('authorization', 'bearer [redacted bearer token]')"),
    ("AUTHORIZATION=TOKEN%20abcdef", "AUTHORIZATION=TOKEN%20[redacted bearer token]"),
    ("sent Bearer abc123def", "sent Bearer [redacted bearer token]"),
    ("bearer abcdefghijklmnopqrstuvwxyz", "bearer [redacted bearer token]"),
    ("Authorization: Basic xyz", "Authorization: Basic [redacted basic credentials]"),
    (f"curl -H 'Basic {b64('user:pass')}' x", "curl -H 'Basic [redacted basic credentials]' x"),
    (f"basic {b64('user:passw').rstrip('=')}", "basic [redacted basic credentials]"),
    (f"x basic\nBasic+{b64('user:pass')}", "x basic\nBasic+[redacted basic credentials]"),
    ("postgres://user:hunter2@db/x", "postgres://user:[redacted URL password]@db/x"),
    ("redis://:hun:t@er2@db", "redis://:[redacted URL password]@db"),
    ("https://ghx_0123456789abcdef@host/x.git", "https://[redacted URL credentials]@host/x.git"),
    ("key AKIAIOSFODNN7EXAMPLE.", "key [redacted AWS key]."),
    ("ASIAIOSFODNN7EXAMPLE", "[redacted AWS key]"),
    ("aws_secret_access_key = " + "aB3/" * 10, "aws_secret_access_key = [redacted AWS key]"),
    ('"AwsSecretAccessKey": "' + "aB3+" * 10 + '"', '"AwsSecretAccessKey": "[redacted AWS key]"'),
    ("AIza" + "Sy-_9" * 7, "[redacted Google key]"),
    ("ya29.a0AfH6SMBx-yz_0123456789", "[redacted Google token]"),
    ("GOCSPX-abcdefghijklmnopqrstuvwxyz", "[redacted Google client secret]"),
    ('"private_key_id": "' + "0a" * 20 + '",', '"private_key_id": "[redacted Google key]",'),
    (PEM, "[redacted private key]"),
    (f"a\n{PEM}\nb", "a\n[redacted private key]\nb"),
    (PEM.replace("RSA ", ""), "[redacted private key]"),
    (PEM.replace("RSA ", "OPENSSH "), "[redacted private key]"),
    (json.dumps({"private_key": PEM, "z": 1}), '{"private_key": "[redacted private key]", "z": 1}'),
    ("E   " + PEM.replace("\n", "\nE   "), "E   [redacted private key]"),
    (f"x {PEM} y {PEM} z", "x [redacted private key]\n y [redacted private key]\n z"),
    (f"old\n{BODY}\nQz8=\n-----END PRIVATE KEY-----\nnew", "old\n[redacted private key]\nnew"),
    (BODY.splitlines()[0][:64], "[redacted private key]"),
]


@pytest.mark.parametrize(("text", "wanted"), KINDS)
def test_a_known_kind_is_masked_and_what_surrounds_it_stays(text: str, wanted: str) -> None:
    assert REDACT(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), KINDS)
def test_masking_twice_changes_nothing(text: str, wanted: str) -> None:
    assert REDACT(wanted) == wanted


PROSE = [
    "Bearer authentication required",
    "Basic authentication failed, basic security",
    "the basic abcdefgh idea, a basic principle",
    "see https://host:8443/a/b@c and http://user@host",
    "sha256 " + "0a" * 32,
    "0a" * 32,
    "eyJ",
    "expected a PRIVATE KEY here",
    "Authorization: none",
]


@pytest.mark.parametrize("text", PROSE)
def test_prose_stays(text: str) -> None:
    assert REDACT(text) == text


PIECES = [
    "eyJabcdefghij", "abc12345", ".", "://", ":", "@", " ", "Bearer ", "Basic ", "\n", "]", "password", "A1b" * 22, '"',
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "Authorization: ", "AKIAIOSFODNN7EXAMPLE",
    "[redacted JWT]", "dXNlcjpwYXNz", "x" * 20,
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_the_redactor_is_idempotent(text: str) -> None:
    once = REDACT(text)
    assert REDACT(once) == once


LINE = "aB3/" * 16
LONE = {  # a line that holds nothing but 64 characters of base64, and what becomes of it
    "alone": (LINE, "[redacted private key]"),
    "between others": (f"before\n{LINE}\nafter", "before\n[redacted private key]\nafter"),
    "quoted, as pytest and mail do": (
        f"E   {LINE}\n > {LINE}",
        "E   [redacted private key]\n > [redacted private key]",
    ),
    "with white space behind it": (f"{LINE} \r\nafter", "[redacted private key]\nafter"),
    "with a word before it": (f"digest {LINE}", f"digest {LINE}"),
    "with a word behind it": (f"{LINE} sum", f"{LINE} sum"),
    "longer": (f"{LINE}a", f"{LINE}a"),
    "shorter, among long lines": (f"{LINE[1:]}\n{'long ' * 20}", f"{LINE[1:]}\n{'long ' * 20}"),
}


@pytest.mark.parametrize(("text", "wanted"), LONE.values(), ids=LONE)
def test_a_line_of_a_key_is_masked_without_its_edges_and_keeps_what_quotes_it(text: str, wanted: str) -> None:
    assert REDACT(text) == wanted


class TestPrivateKeysWithoutAnEnd:
    def test_lines_of_the_key_go_and_the_log_goes_on(self) -> None:
        text = f"-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{BODY}\nINFO: started (1)\nall fine"
        assert REDACT(text) == "[redacted private key]\nINFO: started (1)\nall fine"

    def test_lines_with_something_before_them_lose_what_may_be_the_key(self) -> None:
        text = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(f"12:00 (app) {line}" for line in BODY.splitlines()[:2])
        assert REDACT(text) == "[redacted private key]\n" + "\n".join(["12:00 (app) [redacted private key]"] * 2)

    def test_blank_lines_after_the_key_stay(self) -> None:
        line = REDACT.line_by_line()
        assert [line(text) for text in ("-----BEGIN PRIVATE KEY-----", "", "now: prose", "")] == [
            "[redacted private key]", "[redacted private key]", "now: prose", "",
        ]  # fmt: skip

    def test_it_is_given_up_after_a_while(self) -> None:
        run = "(" + "aB3x" * 12 + ")"
        lines = REDACT("-----BEGIN PRIVATE KEY-----\n" + f"{run}\n" * 300).splitlines()
        assert lines[1] == "([redacted private key])"
        assert lines[-1] == run

    def test_a_very_long_line_is_masked_by_its_runs(self) -> None:
        assert REDACT("-----BEGIN PRIVATE KEY-----" + "aB3x" * 100) == "[redacted private key]" * 2


class TestStreams:
    def test_lines_one_by_one_each_become_a_mark_while_a_key_lasts(self) -> None:
        line = REDACT.line_by_line()
        seen = [line(text) for text in f"a\n{PEM}\nb".splitlines()]
        assert seen == ["a", *["[redacted private key]"] * 8, "b"]

    def test_each_line_of_a_log_that_begins_within_a_key_is_masked_in_its_place(self) -> None:
        cut = PEM.splitlines()[3:]
        assert REDACT.each(["before", "so far, so good", *cut, "after"]) == [
            "before", "so far, so good", *["[redacted private key]"] * len(cut), "after",
        ]  # fmt: skip
        assert REDACT.each(f"a\n{PEM}\nb".splitlines()) == ["a", *["[redacted private key]"] * 8, "b"]

    def test_two_streams_do_not_know_of_each_other(self) -> None:
        one, other = REDACT.line_by_line(), REDACT.line_by_line()
        one("-----BEGIN PRIVATE KEY-----")
        assert (one("Qz8="), other("Qz8=")) == ("[redacted private key]", "Qz8=")

    @given(st.lists(st.integers(0, 700), max_size=12))
    def test_wherever_reads_end_no_secret_is_seen(self, cuts: list[int]) -> None:
        text = f"a {SECRET} b\n{PEM}\nBearer abc123def {JWT}\nredis://:hunter2@db\nlast {quote(SECRET)}"
        edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
        pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
        assert "".join(REDACT.lines(pieces)) == "".join(REDACT.lines([text]))
        assert "".join(REDACT.lines(pieces)).replace("[redacted private key]\n", "") == (
            "a [redacted JWT_SECRET] b\nBearer [redacted bearer token] [redacted JWT]\n"
            "redis://:[redacted URL password]@db\nlast [redacted JWT_SECRET]"
        )

    def test_nothing_and_ends_of_lines_pass_unchanged(self) -> None:
        assert list(REDACT.lines([])) == []
        assert list(REDACT.lines(["a\r\n", "\nb"])) == ["a\r\n", "\n", "b"]

    @given(st.integers(-40, 40))
    def test_a_line_without_end_is_given_out_in_parts_and_never_through_a_secret(self, shift: int) -> None:
        secret = "correct horse battery staple"
        redact = Redactor({"PW": secret})
        before = "x" * (LONGEST_LINE - HELD_BACK + shift)
        chunks = [before, secret, "y" * (2 * HELD_BACK)]
        parts = list(redact.lines(chunks))
        assert len(parts) == 2
        assert "".join(parts) == f"{before}[redacted PW]{'y' * 2 * HELD_BACK}"

    def test_a_line_without_end_is_cut_behind_a_delimiter(self) -> None:
        text = ("word " * LONGEST_LINE)[: LONGEST_LINE + HELD_BACK]
        parts = list(REDACT.lines([text]))
        assert "".join(parts) == text
        assert len(parts) > 1
        assert all(part.endswith(" ") for part in parts[:-1])


HOSTILE = [
    "a", "eyJ", "://", "://a:", "bearer ", "basic ", "authorization: ", "authorization:'", "E", "secret_key=", "A\n",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n",
    "private_key_id", "\\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_anything_is_linear(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.perf_counter()
    REDACT(text)
    assert time.perf_counter() - began < 4


def test_a_hundred_thousand_lines_take_well_under_a_second_when_idle() -> None:
    lines = [f"tests/test_{i}.py::test_case_{i} PASSED in {i} ms" for i in range(100_000)]
    began = time.process_time()
    for line in lines:
        REDACT(line)
    assert time.process_time() - began < 1.5
