"""Octets in, a report and its verdicts out: `reader.Reader` goes the whole way."""
