"""What the configuration file may say, and how it complains."""

from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsnwatch.config import document, loading, policy, settings, values
from dsnwatch.errors import ConfigError
from dsnwatch.policy import Policy


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own configuration out."""
    for name in ("DSNWATCH_CONFIG", "DSNWATCH_STORE__URL", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(document, "DEFAULT_PATH", tmp_path / "etc" / "dsnwatch.toml")


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dsnwatch.toml"
    path.write_text(text)
    return path


def complaint(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loading.load(a_file(tmp_path, text))
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(str(tmp_path / "dsnwatch.toml"))


def test_without_a_file_the_defaults_hold() -> None:
    found = loading.load()
    assert found.file.path is None
    assert found.store_url() is None
    assert found.settings.policy.preset == "default"
    assert found.settings.keep.raw_messages == timedelta(days=30)
    assert found.settings.keep.events == timedelta(days=400)


def test_node_is_the_host_name_where_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "mx1")
    assert loading.load().node == "mx1"


def test_option_goes_before_variable_goes_before_default_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [tmp_path / name for name in ("argument.toml", "variable.toml")]
    default = document.DEFAULT_PATH
    default.parent.mkdir()
    for path in (*places, default):
        path.write_text(f'node = "{path.stem}"')
    assert loading.load().node == "dsnwatch"
    monkeypatch.setenv("DSNWATCH_CONFIG", str(places[1]))
    assert loading.load().node == "variable"
    assert loading.load(places[0]).node == "argument"


def test_named_file_that_is_missing_is_an_error_that_says_who_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="--config"):
        loading.load(tmp_path / "none.toml")
    monkeypatch.setenv("DSNWATCH_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="DSNWATCH_CONFIG"):
        loading.load()


def test_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        loading.load(tmp_path)


def test_environment_goes_before_the_file_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path, '[keep]\nevents = "100d"\nraw_messages = "10d"\n')
    monkeypatch.setenv("DSNWATCH_KEEP__EVENTS", "7d")
    keep = loading.load(path).settings.keep
    assert keep.events == timedelta(days=7)
    assert keep.raw_messages == timedelta(days=10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[store]\nulr = "x"\n', ", line 2: unknown key 'store.ulr'; did you mean 'store.url'?"),
        ('\nurl = "x"\n', ", line 2: unknown key 'url'; did you mean 'store.url'?"),
        ('[stoer]\nurl = "x"\n', ", line 1: unknown key 'stoer'; did you mean 'store'?"),
        ('store.ulr = "x"\n', ", line 1: unknown key 'store.ulr'; did you mean 'store.url'?"),
        (
            '_q = "x"\n',
            ", line 1: unknown key '_q'; known here: node, stream, ",
        ),
        (
            "[keep]\nxyzzy = 1\n",
            ", line 2: unknown key 'keep.xyzzy'; known here: keep.raw_messages",
        ),
        ("store = 3\n", ", line 1: store: must be a section of its own, not a value"),
        ("node = 3\n", ", line 1: node: must be text in quotes, not 3"),
        ('[keep]\nevents = "3 dayz"\n', ", line 2: keep.events: '3 dayz' is no length of time"),
        ("[keep]\nevents = 3\n", ", line 2: keep.events: a length of time needs its unit"),
        ('[keep]\nevents = "1h"\n', ', line 2: keep.events: must lie between "1d" and "3650d"'),
        ('[policy]\npreset = "colds"\n', ", line 2: policy.preset: 'colds' is none of"),
        ("[store\n", ": is not TOML: "),
    ],
)
def test_complaint_names_file_line_key_and_what_to_write(
    tmp_path: Path, text: str, said: str
) -> None:
    assert complaint(tmp_path, text).startswith(said)


def test_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "dsnwatch.toml"
    path.write_bytes(b'node = "\xff"')
    with pytest.raises(ConfigError, match="UTF-8"):
        loading.load(path)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("DSNWATCH_STOER__URL", "DSNWATCH_STORE__URL"),
        ("DSNWATCH_STORE_URL", "DSNWATCH_STORE__URL"),
        ("DSNWATCH_STREEM", "DSNWATCH_STREAM"),
        ("DSNWATCH_CONFG", "DSNWATCH_CONFIG"),
    ],
)
def test_unknown_environment_variable_is_an_error_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, near: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigError, match=rf"\${name}: no such option; did you mean '{near}'"):
        loading.load()


@pytest.mark.parametrize("name", ["DSNWATCH_REQUIRE_SERVERS", "DSNWATCH_HOME", "DSNWATCHDOG"])
def test_environment_variable_of_another_program_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    loading.load()


def test_wrong_value_in_the_environment_is_laid_at_its_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSNWATCH_KEEP__EVENTS", "soon")
    with pytest.raises(ConfigError, match=r"^\$DSNWATCH_KEEP__EVENTS: keep.events: 'soon'"):
        loading.load(a_file(tmp_path, '[keep]\nevents = "30d"\n'))


def test_only_never_keeps_for_ever(tmp_path: Path) -> None:
    keep = loading.load(a_file(tmp_path, '[keep]\nevents = "never"\n')).settings.keep
    assert keep.events is None


def test_password_comes_from_the_credentials_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "db").write_text("p@ss/w:rd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    path = a_file(
        tmp_path, '[store]\nurl = "postgresql://me@db.example.net/x"\npassword_file = "db"'
    )
    assert loading.load(path).store_url() == "postgresql://me:p%40ss%2Fw%3Ard@db.example.net/x"


def test_password_comes_from_beside_the_file_without_systemd(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("secret")
    path = a_file(
        tmp_path, '[store]\nurl = "postgresql://me@db.example.net/x"\npassword_file = "db"'
    )
    assert loading.load(path).store_url() == "postgresql://me:secret@db.example.net/x"


@pytest.mark.parametrize("content", [None, ""])
def test_missing_or_empty_password_file_names_line_and_key(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "db").write_text(content)
    path = a_file(
        tmp_path, '[store]\nurl = "postgresql://me@db.example.net/x"\npassword_file = "db"'
    )
    with pytest.raises(ConfigError, match=r"line 3: store.password_file: .*db "):
        loading.load(path).store_url()


def test_password_file_without_a_user_to_use_it_for_is_an_error(tmp_path: Path) -> None:
    said = complaint(tmp_path, '[store]\nurl = "sqlite:////x.db"\npassword_file = "db"')
    assert "needs a url with a user name" in said


def test_values_shown_hide_passwords_and_say_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSNWATCH_NODE", "mx2")
    path = a_file(tmp_path, '[store]\nurl = "postgresql://me:secret@db.example.net/x"\n')
    shown = {key: (value, origin) for key, value, origin in loading.load(path).values()}
    assert shown["store.url"] == ("postgresql://me:***@db.example.net/x", f"{path}, line 2")
    assert shown["node"] == ("mx2", "$DSNWATCH_NODE")
    assert shown["keep.events"] == ("400d", "default")


def test_rules_lie_beside_the_file_by_default(tmp_path: Path) -> None:
    path = a_file(tmp_path, "")
    assert loading.load(path).rules_directory() is None
    (tmp_path / "rules.d").mkdir()
    assert loading.load(path).rules_directory() == tmp_path / "rules.d"


def test_configured_rules_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    path = a_file(tmp_path, '[rules]\ndirectory = "mine"\n')
    with pytest.raises(ConfigError, match=r"line 2: rules.directory: .*mine is no folder"):
        loading.load(path).rules_directory()


def test_every_option_has_description_unit_and_default() -> None:
    many = tuple(f"{name}." for name, repeated in settings.sections() if repeated)
    for key, info in settings.options():
        assert info.description, key
        assert isinstance(info.json_schema_extra, dict), key
        assert info.json_schema_extra["unit"], key
        assert not info.is_required() or key.startswith(many), key


def test_store_url_alone_is_what_the_whole_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path, '[store]\nurl = "sqlite:////a.db"\n')
    assert document.store_url(document.read(path), {}) == loading.load(path).store_url()
    monkeypatch.setenv("DSNWATCH_STORE__URL", "sqlite:////b.db")
    environ = {"DSNWATCH_STORE__URL": "sqlite:////b.db"}
    assert document.store_url(document.read(path), environ) == loading.load(path).store_url()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("15m", timedelta(minutes=15)),
        ("1h 30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("20 ms", timedelta(milliseconds=20)),
        ("2w", timedelta(days=14)),
        (" 10S ", timedelta(seconds=10)),
    ],
)
def test_length_of_time_is_read(text: str, meant: timedelta) -> None:
    assert values.duration(text) == meant


@pytest.mark.parametrize(
    "text", ["", " ", "15", "m", "-3d", "3 parsecs", "1d x", 7, "9" * 400 + "d"]
)
def test_what_is_no_length_of_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"time|counted"):
        values.duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_written_length_of_time_is_read_back(value: timedelta) -> None:
    whole = value - value % timedelta(milliseconds=1)
    assert values.duration(values.duration_text(whole)) == whole


def test_line_is_found_behind_strings_over_lines_and_in_arrays_of_tables() -> None:
    text = 'a = """\n[x]\nb = 1\n"""\n[[m]]\nname = "1"\n[[m]]\nname = "2"\n[m.sub]\nk = 1\n'
    assert document.line_of(text, ("m", 0, "name")) == 6
    assert document.line_of(text, ("m", 1, "name")) == 8
    assert document.line_of(text, ("m", 1, "sub", "k")) == 10
    assert document.line_of(text, ("x", "b")) is None


@given(st.text(max_size=200), st.lists(st.text(max_size=5), max_size=3))
def test_any_text_is_searched_without_raising(text: str, key: list[str]) -> None:
    document.line_of(text, key)


def test_presets_are_those_of_the_policy() -> None:
    for name in get_args(policy.Preset):
        assert Policy.preset(name)


@pytest.mark.parametrize(
    ("handed_over", "found_in"),
    [("secrets_imap", "credentials"), ("secrets/imap", "credentials"), ("other", "etc")],
)
def test_secret_of_systemd_goes_before_the_one_beside_the_file(
    handed_over: str, found_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (tmp_path / "credentials" / handed_over, tmp_path / "etc" / "secrets" / "imap"):
        place.parent.mkdir(parents=True)
        place.write_text(f"{place.relative_to(tmp_path).parts[0]}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    configuration = loading.load(a_file(tmp_path / "etc", ""))
    assert configuration.secret(Path("secrets/imap"), "mailbox.0.password_file") == found_in
