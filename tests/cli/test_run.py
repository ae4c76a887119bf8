"""`dsnwatch run` before it runs."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from dsnwatch.store import schema

_PROGRAM = """
import sys
import typer
from dsnwatch.cli.place import Place
from dsnwatch.cli.run_ import bring_up_to_date
context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
bring_up_to_date(Place(context, store=sys.argv[1]))
print([name for name in sys.modules if name.startswith("alembic")])
"""


def test_migrations_leave_nothing_in_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "dsnwatch.db"
    command = [sys.executable, "-c", _PROGRAM, str(path)]
    surroundings = {**os.environ, "DSNWATCH_CONFIG": os.devnull}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings)  # noqa: S603  ours
    assert ran.stdout == "[]\n"
    with closing(sqlite3.connect(path)) as connection:
        assert schema.revision(connection, "there") == schema.HEAD
