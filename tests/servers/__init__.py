"""Throw-away servers on loopback, real ones and ones that misbehave; each ends what it started."""
