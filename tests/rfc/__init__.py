"""Tests of the standards: one file a module, a table and a property each."""
