"""Write docs/cli.md from the command line itself; with `--check`, only tell whether it is stale (exit code 1).

python scripts/make_cli_docs.py [--check]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
NOTE = "<!-- Made by scripts/make_cli_docs.py (make docs) from the help texts; edit those. -->\n\n"


def generated() -> str:
    """The page as the help texts are now, by Typer's own generator."""
    command = [sys.executable, "-m", "typer", "watchpost.cli", "utils", "docs", "--name", "watchpost"]
    page = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
    lines = (line.rstrip() for line in page.strip().splitlines())
    return NOTE + "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page."""
    text = generated()
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print(f"{PAGE.name} is stale: run `make docs`", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
