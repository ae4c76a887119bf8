"""The units that run it under systemd."""
