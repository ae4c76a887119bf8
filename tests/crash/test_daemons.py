"""Several daemons on one PostgreSQL, killed and added; reduced in size, one alone on demand."""

import pytest

from tests.crash.daemons import Plan, run, table
from tests.servers.needs import need
from tests.servers.postgresql import Server


@pytest.mark.server
@pytest.mark.parametrize("daemons", [2, 4])
def test_daemons_that_are_killed_and_added_lose_nothing_and_do_nothing_twice(
    daemons: int, postgresql: Server
) -> None:
    need("dovecot", root=True)
    result = run(Plan(daemons, messages=40, seconds=1.5, pause=0.7), postgresql)
    assert result.losses == [], table([result])
    assert result.kills > 0
