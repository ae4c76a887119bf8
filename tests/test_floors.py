"""The house stands: imports go down only, and each room keeps to its own business.

The list of floors below is the one of the design; a new room is put into it here first.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dsnwatch

PACKAGE = Path(dsnwatch.__file__).parent
FLOORS = {
    0: {"model", "records", "errors"},
    1: {"rfc"},
    2: {
        "rules",
        "config",
        "whole_file",
        "unix_socket",
        "channel",
        "nearest",
        "metrics",
    },
    3: {
        "reading",
        "attribute",
        "policy",
        "news",
        "rulecheck",
        "events",
        "subscriptions",
        "harvest",
        "matching",
        "alerts",
        "sent",
        "lists",
    },
    4: {"sources", "store", "hooks", "lookup"},
    5: {
        "ingest",
        "book",
        "changes",
        "intake",
        "forgetting",
        "vetting",
        "revival",
        "provenance",
        "guarding",
        "alerting",
        "todo",
        "summing",
        "checkup",
        "sending",
        "holding",
        "undoing",
        "foresight",
        "returning",
        "keeping",
        "inbox",
        "assistant",
        "outbox",
        "watch",
        "mailboxes",
        "replay",
        "retell",
        "lookups",
        "list_changes",
        "shown",
        "tending",
        "tokens",
        "explaining",
    },
    6: {"cli", "http", "service", "__main__"},
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
UNKNOWN = -1
PURE = FLOORS[0] | FLOORS[1] | FLOORS[3]
OUTSIDE = frozenset(
    {"asyncio", "http", "io", "multiprocessing", "os", "random", "secrets", "select", "shutil",
     "socket", "sqlalchemy", "sqlite3", "sqlmodel", "subprocess", "tempfile", "threading", "time",
     "urllib"}
)  # fmt: skip
"""What a pure room has no business with: a clock, chance, input and output, threads."""
ASYNC = ("sources.listener", "http", "service")
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the module's name within the package; "" for the package itself."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def room_of(module: str) -> str:
    """Return the room a module within the package lies in."""
    return module.partition(".")[0]


def floor_of(module: str) -> int:
    """Return the floor of a module; of one that is not on the list below all others."""
    return FLOOR_OF.get(room_of(module), UNKNOWN)


def imported(module: str) -> Iterator[str]:
    """Yield the full names a module imports, those inside functions too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = ["dsnwatch", *filter(None, package.split("."))]
                above = above[: len(above) - node.level + 1]
                origin = ".".join([*above, *filter(None, [origin])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def of_ours(module: str) -> Iterator[str]:
    """Yield the modules of the package that one imports; "" for a name of the package itself."""
    for name in imported(module):
        top, _, rest = name.partition(".")
        if top != "dsnwatch":
            continue
        while rest and rest not in MODULES:
            rest = rest.rpartition(".")[0]
        yield rest


def others(module: str) -> set[str]:
    """Return the top-level packages a module imports that are not ours."""
    return {name.partition(".")[0] for name in imported(module)} - {"dsnwatch"}


@pytest.mark.parametrize("module", sorted(filter(None, MODULES)))
def test_every_module_lies_in_a_room_on_the_list(module: str) -> None:
    assert room_of(module) in FLOOR_OF, f"dsnwatch/{room_of(module)} is on no floor; add it above"


@pytest.mark.parametrize("module", sorted(filter(None, MODULES)))
def test_imports_go_down_only(module: str) -> None:
    upwards = [name for name in of_ours(module) if name and floor_of(name) > floor_of(module)]
    assert upwards == []


@pytest.mark.parametrize("module", sorted(name for name in MODULES if floor_of(name) == 4))
def test_rooms_to_the_outside_do_not_know_each_other(module: str) -> None:
    neighbours = [
        name for name in of_ours(module) if floor_of(name) == 4 and room_of(name) != room_of(module)
    ]
    assert neighbours == []


@pytest.mark.parametrize("module", sorted(filter(None, MODULES)))
def test_only_the_version_is_taken_from_the_package_itself(module: str) -> None:
    taken = {
        name
        for name in imported(module)
        if name.startswith("dsnwatch.") and name.split(".")[1] not in {*map(room_of, MODULES)}
    }
    assert taken <= {"dsnwatch.__version__"}


def test_no_module_imports_itself_roundabout() -> None:
    graph = {name: set(of_ours(name)) - {name, ""} for name in MODULES}
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way[way.index(name) :], name))}"
        if name not in done:
            for other in sorted(graph[name]):
                walk(other, (*way, name))
            done.add(name)

    for name in sorted(graph):
        walk(name, ())


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room_of(name) in PURE))
def test_pure_rooms_have_no_clock_and_no_outside(module: str) -> None:
    assert others(module) & OUTSIDE == set()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if room_of(name) in PURE))
def test_pure_rooms_never_ask_what_time_it_is(module: str) -> None:
    asked = [
        node.lineno
        for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    ]
    assert asked == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_tables_are_defined_in_the_store_only(module: str) -> None:
    if room_of(module) != "store":
        assert others(module) & {"sqlmodel", "sqlalchemy", "alembic"} == set()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_asyncio_stays_where_the_sockets_are(module: str) -> None:
    if not module.startswith(ASYNC):
        assert "asyncio" not in others(module)
