"""`minimum_should_match`: how many of the optional clauses have to hold."""

from __future__ import annotations

import re

from watchpost.stores.query.errors import illegal, unsupported


def least_of(asked: object, count: int) -> int:
    """`2`, `-1`, `"75%"` or `"-25%"` of `count` clauses, as a number from 0 up. Raises `QueryError`.

    >>> least_of("75%", 5), least_of(-1, 5), least_of("-25%", 5)
    (3, 4, 4)
    """
    text = str(asked).strip()
    if "<" in text:
        raise unsupported("[minimum_should_match] with [<]")
    match = re.fullmatch(r"(-?\d{1,9})(%?)", text)
    if isinstance(asked, bool) or match is None:
        raise illegal(f"[minimum_should_match] is a number or a percentage, not [{text[:64]}]")
    number = int(match[1])
    if match[2]:
        number = int(count * number / 100)  # towards zero, as Elasticsearch's cast to int
        return max(0, count + number if match[1].startswith("-") else number)
    return max(0, count + number if number < 0 else number)
