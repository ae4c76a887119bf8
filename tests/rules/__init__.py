"""Tests of the rule tables and what works on them."""
