"""Tests of the sources of mail."""
