"""What was sent, from CSV and logs."""
