"""How people write durations and sizes in a configuration file: `60s`, `5d`, `10MB`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Beyond this, a sum with the present moment may leave the calendar.
_LONGEST_SECONDS = 10 * 365 * 86400
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_BYTES |= {"KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}


def parse_duration(value: object) -> timedelta:
    """Read `10s`, `5m`, `1h`, `5d` or `2w`; a bare number has no unit and is refused."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,9})\s*([smhdw])", str(value).strip())
    if match is None:
        raise ValueError('write a number and a unit, such as "60s", "5m", "1h" or "5d"')
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST_SECONDS:
        raise ValueError("write a duration of at most ten years")
    return timedelta(seconds=seconds)


def parse_size(value: object) -> int:
    """Read `10MB`, `512KiB` or a plain number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"(\d{1,12})\s*((?:[KMG]I?)?B)", str(value).strip().upper())
    if match is None:
        raise ValueError('write a number and a unit, such as "500KB" or "10MB"')
    return int(match[1]) * _BYTES[match[2]]


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
