"""What follows from what was read: the policy, its rows, and the list they lead to. Pure."""

from dsnwatch.policy.decide import decide
from dsnwatch.policy.listing import merge, running
from dsnwatch.policy.rule import PolicyRule
from dsnwatch.policy.table import PRESETS, Policy

__all__ = ["PRESETS", "Policy", "PolicyRule", "decide", "merge", "running"]
