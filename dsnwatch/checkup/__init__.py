"""Looks over everything a daemon stands on; what is found says its cure."""

from dsnwatch.checkup.finding import Finding, Health

__all__ = ["Finding", "Health"]
