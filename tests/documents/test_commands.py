"""Each command that the documents show works as it stands there, and prints what is shown."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pytest

from dsnwatch.__main__ import main
from tests.documents.scene import DEMO, Scene, a_scene, with_ids_of_its_own, write
from tests.documents.shown import Command, commands, matches
from tests.documents.stages import IDS, STAGES
from tests.documents.tables import CHANGES, FILES, FORGED, NEEDS, NOT_RUN, OURS, SAID, STATUS
from tests.servers.needs import need

COMMANDS = {name: list(rest) for name, rest in groupby(commands(), lambda one: one.document)}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the store that all begin with: the demo, Anne, and two floods."""
    folder = tmp_path_factory.mktemp("demo")
    store = f"sqlite:///{folder}/demo.db"
    mail = {"ours.mbox": OURS, "forged.mbox": FORGED}
    for name, content in mail.items():
        (folder / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        with_ids_of_its_own(patch)
        assert main(["import", str(DEMO), str(folder / "ours.mbox"), "--store", store]) == 0
        assert main(["import", "--untrusted", str(folder / "forged.mbox"), "--store", store]) == 0
    return folder / "demo.db"


@pytest.fixture
def scene(
    tmp_path: Path,
    demo: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    with a_scene(tmp_path, demo, capsys, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("document", COMMANDS)
def test_commands_of_a_document_do_what_it_shows(document: str, scene: Scene) -> None:
    need(*NEEDS.get(document, ()))
    write(scene, FILES.get(document, {}))
    if document in STAGES:
        STAGES[document](scene)
    wrong = [
        said
        for command in COMMANDS[document]
        if command.text not in NOT_RUN.get(document, {})
        for said in complaints(scene, command)
    ]
    assert not wrong, "\n".join(wrong)


def complaints(scene: Scene, command: Command) -> Iterator[str]:
    """Run a command and say what is not as it should be."""
    text = changed(scene, command)
    ran = scene.run(text)
    where = f"{command.place}: {text}\n  ended with {ran.status}: {ran.out}{ran.err}"
    if ran.status not in STATUS.get(command.document, {}).get(command.text, (0,)):
        yield where
    elif command.output and not any(
        matches(command.output, as_shown(scene, command, said))
        for said in (ran.out, ran.out + ran.err)
    ):
        yield f"{where}\n  shown is: {command.output}"


def changed(scene: Scene, command: Command) -> str:
    """Write a command as it is said here."""
    text = command.text
    for old, new in CHANGES.get(command.document, {}).items():
        if old in text:
            names = re.findall(r"\{(\w+)\}", new)
            known = {name: scene.values.get(name) or IDS[name](scene) for name in names}
            text = text.replace(old, new.format(**known))
    return text


def as_shown(scene: Scene, command: Command, said: str) -> str:
    """Put what the document says in the place of what is said here."""
    for ours, shown in SAID.get(command.document, {}).items():
        said = said.replace(ours.format(**scene.values), shown)
    return said


@pytest.mark.parametrize(
    ("table", "holds"),
    [
        pytest.param(NOT_RUN, lambda text, row: text == row, id="not run"),
        pytest.param(STATUS, lambda text, row: text == row, id="status"),
        pytest.param(CHANGES, lambda text, row: row in text, id="changes"),
    ],
)
def test_every_row_is_about_a_command_that_is_shown(
    table: Mapping[str, Mapping[str, object]], holds: Callable[[str, str], bool]
) -> None:
    dead = [
        (document, row)
        for document, rows in table.items()
        for row in rows
        if not any(holds(command.text, row) for command in COMMANDS[document])
    ]
    assert dead == []
