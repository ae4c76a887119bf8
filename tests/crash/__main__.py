"""`python -m tests.crash --minutes 60`: the long run, with a table at its end."""

import argparse
import sys
import time

from tests.crash.campaign import Plan, run, table
from tests.crash.faults import FAULTS

MIB_A_MINUTE = 24
"""What the store grows by at most; its disk lies in memory."""


def main() -> int:
    """Run as long as was asked for; exit status 1: something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--pause", type=float, default=4.0, help="seconds a trouble lasts")
    arguments = parser.parse_args()
    disk = 65_536 + int(arguments.minutes * MIB_A_MINUTE) * 1024
    plan = Plan(
        arguments.seed, len(FAULTS), arguments.minutes, pause=arguments.pause, disk_kib=disk
    )
    result = run(plan)
    print(table(result))  # noqa: T201  the answer
    return 1 if result.losses else 0


if __name__ == "__main__":
    sys.exit(main())
