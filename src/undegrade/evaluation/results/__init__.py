"""What was measured: rows and their journal, means and intervals, comparisons, tables."""
