"""Prometheus is told what the store has counted, and never an address."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dsnwatch.metrics import StoreCollector
from dsnwatch.store import Hold, open_store
from dsnwatch.summing import store_figures
from tests.store.builders import NOW, a_message, a_success, an_event


def test_prometheus_is_told_what_is_counted(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a.db"))
    message = a_message()
    with store.write() as writer:
        writer.add_messages([message])
        writer.add_events([an_event(), an_event(stream="evil@example.org"), a_success()])
        writer.add_quarantine("01Q", message.raw, "f", (), NOW)
        writer.add_holds([Hold("01H", "flood x", "flood", NOW, "too many for anne@example.org")])
    registry = CollectorRegistry()
    registry.register(StoreCollector(lambda: store_figures(store)))
    text = generate_latest(registry).decode()
    store.close()
    found = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }
    assert found == {
        ("dsnwatch_events_total", "hard", "bounce", "user_unknown"): 2,
        ("dsnwatch_events_total", "", "success", ""): 1,
        ("dsnwatch_decisions_total", "suppress"): 2,
        ("dsnwatch_decisions_total", "ignore"): 1,
        ("dsnwatch_messages_total", "bounce"): 1,
        ("dsnwatch_quarantined",): 1,
        ("dsnwatch_alerts", "hold", "critical"): 1,
    }
    assert "@" not in text
    helps = [line for line in text.splitlines() if line.startswith("# HELP")]
    assert len(helps) == 5
    assert all(len(line.split(maxsplit=3)) == 4 for line in helps)
