"""Tests of the whole house, a folder a room; contracts that several kinds keep stand beside."""
