"""What is measured: models, networks of others, baselines."""
