"""Tests of the rooms that read: messages, fixtures, rules, hostile input."""
