"""Processes: the mathematics between clean and degraded; they know no network."""
