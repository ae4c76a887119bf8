"""What is written as an array is read back by PostgreSQL, whatever it is."""

from contextlib import closing

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsnwatch.store.location import server_url
from dsnwatch.store.postgres_arrays import array
from dsnwatch.store.values import storable
from tests.servers.postgresql import Server

pytestmark = pytest.mark.server
TYPES: dict[str, st.SearchStrategy[object]] = {
    "text": st.text().map(storable),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "double precision": st.floats(allow_nan=False, allow_infinity=False),
}
AWKWARD = [
    "",
    "NULL",
    "null",
    "{}",
    '"',
    "\\",
    '\\"',
    "a,b",
    " a ",
    '{a,"b"}',
    "\n\t\r",
    "\x1f",
    "é\U0001f600",
]


def read_back(server: Server, kind: str, values: list[object]) -> object:
    with closing(psycopg.connect(server_url(server.url("postgres")))) as connection:
        asked = f"SELECT %s::{kind}[]".encode()
        found = connection.execute(asked, (array(values),)).fetchone()
        assert found is not None
        return found[0]


def test_awkward_texts_are_read_back(postgresql: Server) -> None:
    assert read_back(postgresql, "text", [*AWKWARD, None]) == [*AWKWARD, None]


@pytest.mark.parametrize("kind", TYPES)
def test_values_are_read_back(postgresql: Server, kind: str) -> None:
    with closing(psycopg.connect(server_url(postgresql.url("postgres")))) as connection:

        @settings(max_examples=60)
        @given(st.lists(st.none() | TYPES[kind], max_size=20))
        def written(values: list[object]) -> None:
            asked = f"SELECT %s::{kind}[]".encode()
            assert connection.execute(asked, (array(values),)).fetchone() == (values,)

        written()
