"""``python -m undegrade`` is the command ``undegrade``."""

from undegrade.cli.main import run

if __name__ == "__main__":
    run()
