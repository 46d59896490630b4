"""`python -m modsmith`."""

from modsmith.cli import main

main()
