"""`python -m watchpost`."""

from watchpost.cli import main

main()
