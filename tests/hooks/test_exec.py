"""What a program is given, and what its end means."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from dsnwatch.errors import HookError, HookGone
from dsnwatch.hooks import Delivery
from dsnwatch.hooks.exec import ExecHook, make
from dsnwatch.model import Kind
from tests.contract_hook import a_section

from .builders import Folder
from .events import NOW, a_failure, an_answer

NEWS = a_failure()


def a_program(place: Path, code: str, *arguments: str, **said: object) -> ExecHook:
    command = [sys.executable, "-c", code, *arguments]
    return make(a_section("exec", command=command, **said), Folder(place), "hook.0")


def complaint(hook: ExecHook) -> HookError:
    with pytest.raises(HookError) as caught:
        hook.deliver(Delivery((NEWS,), 1, NOW))
    assert str(caught.value).isprintable()
    return caught.value


def test_it_gets_the_event_and_little_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSNWATCH_STORE__URL", "s3cret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/s3cret")
    code = "import json,os,sys; json.dump([sys.stdin.read(), dict(os.environ)], open('got', 'w'))"
    a_program(tmp_path, code).deliver(Delivery((NEWS,), 3, NOW))
    given, environment = json.loads((tmp_path / "got").read_text())
    assert given == NEWS.payload
    assert {name: value for name, value in environment.items() if name.startswith("DSN")} == {
        "DSNWATCH_HOOK": "crm",
        "DSNWATCH_ID": NEWS.id,
        "DSNWATCH_EVENT": "bounce.hard",
        "DSNWATCH_EVENTS": "1",
        "DSNWATCH_ATTEMPT": "3",
    }
    assert "s3cret" not in str(environment)


def test_a_list_comes_in_one_go(tmp_path: Path) -> None:
    code = (
        "import json,os,sys; json.dump([json.load(sys.stdin), dict(os.environ)], open('got', 'w'))"
    )
    hook = a_program(tmp_path, code, format="cloudevents", batch=10)
    hook.deliver(Delivery((NEWS, an_answer(Kind.COMPLAINT)), 1, NOW))
    given, environment = json.loads((tmp_path / "got").read_text())
    assert [each["type"] for each in given] == [
        "org.dsnwatch.bounce.hard.v1",
        "org.dsnwatch.complaint.v1",
    ]
    assert (environment["DSNWATCH_EVENT"], environment["DSNWATCH_EVENTS"]) == ("", "2")


def test_no_shell_is_between(tmp_path: Path) -> None:
    code = "import sys; open('got', 'w').write(sys.argv[1])"
    a_program(tmp_path, code, "$(id); *").deliver(Delivery((NEWS,), 1, NOW))
    assert (tmp_path / "got").read_text() == "$(id); *"


def test_status_65_means_never(tmp_path: Path) -> None:
    assert isinstance(complaint(a_program(tmp_path, "exit(65)")), HookGone)


@pytest.mark.parametrize("status", [1, 2, 75, 100, 127])
def test_any_other_status_means_later(tmp_path: Path, status: int) -> None:
    error = complaint(a_program(tmp_path, f"exit({status})"))
    assert not isinstance(error, HookGone)
    assert f"ended with status {status}" in str(error)


def test_its_last_complaint_is_told_without_controls(tmp_path: Path) -> None:
    code = "import sys; print('first\\n\\x1b[2Jno database\\n\\n', file=sys.stderr); exit(1)"
    assert str(complaint(a_program(tmp_path, code))).endswith("status 1: ?[2Jno database")


def test_ended_by_a_signal_it_runs_again_later(tmp_path: Path) -> None:
    error = complaint(a_program(tmp_path, "import os; os.kill(os.getpid(), 11)"))
    assert "was ended by signal 11" in str(error)


def test_too_late_it_is_ended_with_all_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open('pid', 'w').write(str(child.pid)); time.sleep(60)"
    )
    error = complaint(a_program(tmp_path, code, timeout="700ms"))
    assert "took longer than 0.7 s" in str(error)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(500):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("its child is alive still")


def test_one_that_does_not_read_is_fine(tmp_path: Path) -> None:
    news = a_failure(diagnostic="x" * 1_000_000)
    a_program(tmp_path, "exit(0)").deliver(Delivery((news,), 1, NOW))


def test_one_that_complains_without_end_is_heard_to_the_end_only(tmp_path: Path) -> None:
    code = "import sys; [sys.stderr.write('x' * 100_000) for _ in range(200)]; exit(1)"
    assert len(str(complaint(a_program(tmp_path, code)))) < 1000


def test_a_child_that_stays_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "open('pid', 'w').write(str(child.pid))"
    )
    try:
        a_program(tmp_path, code, timeout="30s").deliver(Delivery((NEWS,), 1, NOW))
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


def test_no_descriptor_of_ours_is_open_in_it(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)  # noqa: FBT003  the signature is Python's
        code = "import os; open('got', 'w').write(' '.join(os.listdir('/proc/self/fd')))"
        a_program(tmp_path, code).deliver(Delivery((NEWS,), 1, NOW))
        assert str(secret.fileno()) not in (tmp_path / "got").read_text().split()
