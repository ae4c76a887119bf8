"""Measurements that are printed and never asserted: `python -m tests.benchmarks.read`."""
