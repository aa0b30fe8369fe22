"""The program: `watchpost`, and `python -m watchpost`."""


def main() -> None:
    """Run the command line."""
    try:
        from watchpost.cli import main as run

        run()
    except KeyboardInterrupt:  # Ctrl-C while it is still starting
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
