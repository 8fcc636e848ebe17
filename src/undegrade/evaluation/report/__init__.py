"""One HTML file that shows what was measured: tables, plots, and the pictures themselves."""
