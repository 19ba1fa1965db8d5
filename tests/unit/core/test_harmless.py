"""What may be written into a file that is committed: in doubt a value is a secret."""

import pytest

from loop.core.harmless import is_harmless, is_telltale

PLAIN = (
    "", "true", "on", "NO", "8080", "0.25", "-1", "90s", "512Mi", "v1.2.3", "staging", "INFO", "Europe", "us-central1",
    "acme-staging-123", "/etc/config/app.yaml", "https://api.example.com/v1/users", "http://localhost:8080",
    "10.0.0.5:5432",
)  # fmt: skip
DOUBTFUL = (
    "hunter2", "correct-horse-battery-staple", "qwrtzpsdf", "dGhpcyBpcyBh", "deadbeefdeadbeef", "a b", "two\nlines",
    "postgres://u:p@host/db", "https://u:p@host/", "https://hooks.example.com/services/T024BE7LD/XXXX",
    "https://host/?token=abc", "eyJhbGciOiJIUzI1NiJ9.e30.x", "1234567890", "x" * 200, "$HOME", "{}",
)  # fmt: skip


@pytest.mark.parametrize("value", PLAIN)
def test_switches_numbers_words_and_addresses_without_credentials_are_plainly_none(value: str) -> None:
    assert is_harmless("SETTING", value)


@pytest.mark.parametrize("value", DOUBTFUL)
def test_everything_else_may_be_a_secret(value: str) -> None:
    assert not is_harmless("SETTING", value)


@pytest.mark.parametrize("name", ["API_KEY", "apiToken", "DB_PASSWORD", "SENTRY_DSN", "PIN", "my-secret", "BASIC_AUTH"])
def test_a_name_that_says_secret_makes_every_value_one(name: str) -> None:
    assert not is_harmless(name, "on")


def test_a_short_word_within_another_says_nothing() -> None:
    assert is_harmless("SHIPPING_PATH", "on")


@pytest.mark.parametrize(
    ("text", "telltale"),
    [
        ("--workers", False), ("--bind=0.0.0.0:8080", False), ("app:main", False),
        ("very-long-name-of-a-folder", False),
        ("--password=x", True), ("sk_live_4eC39HqLyjWDarjtT1", True), ("redis://u:pw@h", True),
    ],
)  # fmt: skip
def test_an_argument_is_told_by_its_name_its_kind_or_its_look(text: str, telltale: bool) -> None:
    assert is_telltale(text) is telltale
