"""The proof that nothing is lost: the whole daemon under faults, and a count of all that went in.

    python -m tests.crash --minutes 60      as root, with Dovecot and Postfix installed

A reduced run is in the tests. `world` has the servers and the daemon, `faults` the table of what is
done to them, `ledger` what went in and what must have become of it, `power` the copies of a store
whose machine lost its power, `campaign` binds them.
"""
