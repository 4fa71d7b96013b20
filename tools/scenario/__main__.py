"""`python -m tools.scenario`."""

from tools.scenario.cli import main

main()
