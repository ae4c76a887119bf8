"""Other systems are told, and what happens when they are not."""
