"""`dsnwatch run`: the parts of the daemon, what plans them, and what keeps them running."""
