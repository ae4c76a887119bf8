"""Where the store lies."""

from pathlib import Path

import pytest

from dsnwatch.errors import UsageError
from dsnwatch.store import default_url
from dsnwatch.store.location import is_server, sqlite_path, where_of


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"STATE_DIRECTORY": "/var/lib/dsnwatch"}, "sqlite:////var/lib/dsnwatch/dsnwatch.db"),
        ({"STATE_DIRECTORY": "/a:/b", "XDG_STATE_HOME": "/x"}, "sqlite:////a/dsnwatch.db"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "sqlite:////x/dsnwatch/dsnwatch.db"),
        ({"XDG_STATE_HOME": "x", "HOME": "/h"}, "sqlite:////h/.local/state/dsnwatch/dsnwatch.db"),
        ({"HOME": "/h"}, "sqlite:////h/.local/state/dsnwatch/dsnwatch.db"),
    ],
    ids=["systemd", "first-of-several", "xdg", "relative-xdg", "home"],
)
def test_default_place_follows_the_environment(environ: dict[str, str], url: str) -> None:
    assert default_url(environ) == url


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a.db", "a.db"),
        ("sqlite:////var/a.db", "/var/a.db"),
        ("/var/a b%20.db", "/var/a b%20.db"),
        ("a.db", "a.db"),
    ],
)
def test_url_names_a_file(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "sqlite:a.db", ":memory:", "a\0b"])
def test_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="sqlite:///PATH"):
        sqlite_path(url)


def test_other_databases_are_refused_without_repeating_the_password() -> None:
    with pytest.raises(UsageError) as caught:
        sqlite_path("mysql://anne:secret@db.example.com/dsnwatch")
    assert "mysql" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_server_is_named_without_its_password(scheme: str) -> None:
    url = f"{scheme}://anne:secret@db.example.com:5433/bounces?sslmode=require&password=secret"
    assert is_server(url)
    assert where_of(url) == "postgresql://anne@db.example.com:5433/bounces"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anne:s@cret@db/bounces",
        "postgresql://anne:s#cret@db/bounces",
        "postgresql://anne:s/cret@db/bounces",
        "postgresql://anne:s?cret@db/bounces",
        "postgresql://anne:s cret@db/bounces",
    ],
)
def test_password_that_breaks_the_url_is_told_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="password_file") as caught:
        where_of(url)
    assert "cret" not in str(caught.value)


def test_file_is_asked_for_where_only_a_file_will_do() -> None:
    with pytest.raises(UsageError, match="sqlite:///PATH"):
        sqlite_path("postgresql+psycopg://anne:secret@db/bounces")
