"""A YAML file to `Configuration`: all of its problems at once, each with file, line, column and what to write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchpost.config.document import Document, Position, parse
from watchpost.config.models import Configuration
from watchpost.config.validate import Finding, Place, validated
from watchpost.errors import ConfigError
from watchpost.telemetry import redacted


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a configuration file."""

    file: str
    line: int
    """Counts from 1."""
    column: int
    """Counts from 1."""
    setting: str
    """Which setting it is about, such as `cameras.gate.zones`; empty: the file."""
    message: str

    def __str__(self) -> str:
        setting = f"{self.setting}: " if self.setting else ""
        return f"{self.file}:{self.line}:{self.column}: {setting}{self.message}"


class InvalidConfigError(ConfigError):
    """A configuration file with problems; its message has one line for each of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load(file: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in a YAML file.

    `${NAME}` takes a value from `environment`, by default this process's. Raises `InvalidConfigError` for
    problems in the file and `ConfigError` when it can not be read.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist; `watchpost config init {file}` writes an example.") from None
    except OSError as error:
        raise ConfigError(f"{file} can not be read: {error.strerror}.") from None
    return loads(content, str(file), file.resolve().parent, environment)


def loads(
    content: str | bytes,
    name: str = "configuration",
    folder: Path = Path(),
    environment: Mapping[str, str] | None = None,
) -> Configuration:
    """The configuration that a YAML text describes; `name` is what errors call it, `folder` its relative paths' base.

    Raises `InvalidConfigError`.
    """
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    document = parse(content, os.environ if environment is None else environment)
    problems = [_problem(name, fault.position, fault.path, fault.message, document) for fault in document.faults]
    if document.data is None and problems:
        raise InvalidConfigError(problems)
    configuration, findings = validated({} if document.data is None else document.data, folder)
    faulty = {fault.path for fault in document.faults if fault.spoils_value}
    for finding in findings:
        if not any(finding.place[:length] in faulty for length in range(1, len(finding.place) + 1)):
            position = _position_of(finding, document)
            problems.append(_problem(name, position, finding.place, finding.message, document))
    if configuration is None or problems:
        raise InvalidConfigError(problems)
    return configuration


def _position_of(finding: Finding, document: Document) -> Position:
    """Where a finding is written: at its value, its key, or the nearest thing around it that is in the file."""
    places = document.keys if finding.is_about_key else document.values
    if finding.place in places:
        return places[finding.place]
    if finding.place[:1] == ("cameras",) and finding.place[:3] not in document.keys:
        inherited = ("defaults", *finding.place[2:])
        if inherited in document.values:
            return document.values[inherited]
    around = finding.place
    while around and around not in document.keys:
        around = around[:-1]
    return document.keys.get(around, Position(1, 1))


def _problem(name: str, position: Position, place: Place, message: str, document: Document) -> Problem:
    # long ones first: one that begins another would leave its rest to be read
    for secret, variable in sorted(document.secrets.items(), key=lambda item: -len(item[0])):
        if len(secret) > 3:
            message = message.replace(secret, f"${{{variable}}}")
    return Problem(name, *position, _one_line(_shown(place)), _one_line(redacted(message)))


def _shown(place: Place) -> str:
    """A place as people write it: `cameras.gate.rules[0].zone`."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return redacted(shown.removeprefix("."))


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
