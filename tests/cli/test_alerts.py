"""What is the matter is seen in a terminal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dsnwatch.alerting import Alerting
from dsnwatch.config.alerts import AlertsSection
from dsnwatch.store import Hold, open_store
from tests.store.builders import an_event

from .conftest import Run

NOW = datetime.now(UTC)


def a_failing_stream(folder: Path) -> Path:
    """Make a store in which 6 % fail, and the daemon has looked."""
    path = folder / "a.db"
    store = open_store(str(path))
    with store.write() as writer:
        writer.count_sent({(int(NOW.timestamp()) // 3600, "news", "spring"): 1000})
        writer.add_events([an_event(occurred_at=NOW) for _ in range(60)])
        writer.add_holds([Hold("01H", "flood 2026-03-01T12", "flood", NOW, "too many")])
    Alerting(store, AlertsSection()).turn(NOW)
    store.close()
    return path


def test_alerts_and_holds_are_listed_the_gravest_first(run: Run, tmp_path: Path) -> None:
    path = a_failing_stream(tmp_path)
    ran = run("alerts", "list", "--store", path, "--json")
    assert ran.status == 1
    assert [row["alert"] for row in ran.rows] == [
        "rate total campaign spring",
        "rate total stream news",
        "hold flood 2026-03-01T12",
        "rate hard campaign spring",
        "rate hard stream news",
    ]
    shown = run("alerts", "list", "--store", path).out
    assert "critical" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_rates_say_the_state_of_each_stream(run: Run, tmp_path: Path) -> None:
    path = a_failing_stream(tmp_path)
    ran = run("alerts", "rates", "--store", path)
    assert ran.status == 1
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["news", "1,000", "6", "%", "6", "%", "0", "%", "pause"],
        ["spring", "1,000", "6", "%", "6", "%", "0", "%"],
    ]
    whole, campaign = run("alerts", "rates", "--store", path, "--json").rows
    assert (whole["state"], whole["failed"], campaign["campaign"]) == ("pause", 60, "spring")


def test_what_is_over_is_listed_for_who_asks(run: Run, tmp_path: Path) -> None:
    path = a_failing_stream(tmp_path)
    store = open_store(str(path))
    with store.write() as writer:
        writer.close_hold("01H")
    Alerting(store, AlertsSection(enabled=True, least_sent=2000)).turn(NOW + timedelta(1))
    store.close()
    quiet = run("alerts", "list", "--store", path)
    assert (quiet.status, quiet.out) == (0, "")
    assert "nothing is the matter" in quiet.err
    over = run("alerts", "list", "--since", "2d", "--store", path)
    assert over.status == 0
    assert over.out.count("over since") == 4
    assert run("alerts", "list", "--since", "often", "--store", path).status == 2
