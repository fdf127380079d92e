"""No bytes make a parser of ours raise anything but what it says, or break its promise."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import hostile
from tests.fuzz.targets import TARGETS

_TELLING = st.lists(
    st.sampled_from(hostile.TOKENS + hostile.NAMES + hostile.SYNTAX), max_size=14
).map(b"".join)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(raw=st.binary(max_size=120) | _TELLING | st.text(max_size=60).map(str.encode))
def test_a_parser_keeps_its_promise_for_any_bytes(
    target: Callable[[bytes], None], raw: bytes
) -> None:
    target(raw)


# What atheris found.
@pytest.mark.parametrize(("name", "raw"), [("quantity", b"0Ib")])
def test_a_parser_keeps_its_promise_for_what_was_found_once(name: str, raw: bytes) -> None:
    TARGETS[name](raw)
