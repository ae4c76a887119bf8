"""How fast hooks are told and look-ups answered, against the bare thing in the same run.

    python -m tests.benchmarks.hooks [--events 5000] [--rows 1000000] [--lookups 50000]

* Delivery: events from the store to a receiver on the loopback, against `httpx2.Client` posting
  the same bodies there over as many connections, with nothing else to do.
* At rest: from the commit of an event to its arrival, with nobody waking the worker.
* Ballast: the same events with and without a million rows that wait or are dead.
* Look-ups: socketmap questions of as many clients, against an echo server of the same protocol.
"""
