"""The door for programs: one function, typed, light until it is used."""

import subprocess
import sys
from typing import assert_type

import pytest

import dsnwatch
from dsnwatch import Reader, Reading, parse
from tests.cli.builders import UNREADABLE, a_bounce


def test_parse_gives_the_report_and_the_verdicts() -> None:
    reading = assert_type(parse(a_bounce("anne@example.com")), Reading)
    ((recipient, verdict),) = reading.recipients
    assert verdict is not None
    assert (reading.kind, recipient.recipient) == ("bounce", "anne@example.com")
    assert (verdict.reason, verdict.permanent) == ("user_unknown", True)


def test_parse_reads_as_the_reader_with_the_built_in_rules_does() -> None:
    data = a_bounce("anne@example.com", reason="mailbox_full")
    assert parse(data) == Reader.load().read(data)


def test_octets_that_are_no_mail_are_read_as_something_else() -> None:
    reading = parse(UNREADABLE)
    assert (reading.kind, reading.recipients) == ("other", ())


def test_text_is_refused_with_what_is_wanted() -> None:
    with pytest.raises(TypeError, match="octets of a message, not str"):
        parse("Subject: x")  # type: ignore[arg-type]  # that is the point


def test_unknown_name_of_the_package_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'prase'"):
        dsnwatch.prase  # noqa: B018  that is the point


def test_import_of_the_package_loads_nothing_of_it() -> None:
    code = "import sys; a = set(sys.modules); import dsnwatch; print({*sys.modules} - a)"
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "{'dsnwatch'}\n"


def test_name_stays_the_function_whatever_is_loaded_behind_it() -> None:
    import dsnwatch.cli.parse  # noqa: PLC0415  a module of this name in another folder
    import dsnwatch.reading.report  # noqa: PLC0415  what reads behind it

    assert dsnwatch.parse is parse
    assert callable(dsnwatch.parse)
