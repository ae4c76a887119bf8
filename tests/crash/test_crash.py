"""Under every fault of the table, all that went in is there once; reduced in size."""

from tests.crash.campaign import Plan, run, table
from tests.crash.faults import FAULTS


def test_whatever_goes_wrong_nothing_is_lost_and_nothing_is_there_twice() -> None:
    result = run(Plan(seed=1, rounds=len(FAULTS), pause=0.8, a_round=4, imported=150))
    assert result.losses == (), table(result)
    assert set(result.tried.values()) == {1}
    assert result.verdict.counts[0][1] > 300
