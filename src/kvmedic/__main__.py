"""``python -m kvmedic``."""

from kvmedic.cli.main import run

if __name__ == "__main__":
    run()
