"""A day of traffic in some minutes, and whether anything grows that should not.

python -m tests.soak --minutes 5        as root, with Dovecot and Postfix installed
"""
