"""How the tables came to be, one step a file; `upgrade` runs them in one transaction."""
