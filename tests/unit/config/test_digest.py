"""The [digest] table of a category."""

from datetime import time

import pytest
from pydantic import ValidationError

from listbridge.category import DigestSettings


@pytest.mark.parametrize("at", ["00:00", "23:59", time(7, 30)])
def test_a_time_of_day_is_taken(at: object) -> None:
    read = DigestSettings.model_validate({"at": at}).at

    assert str(at)[:5] == f"{read:%H:%M}"


@pytest.mark.parametrize("at", ["24:00", "7:00", "07:00:00", "07:00Z", "07:60", "noon", "", 7])
def test_anything_else_is_refused_with_an_example(at: object) -> None:
    with pytest.raises(ValidationError, match="write a time of day, such as"):
        DigestSettings.model_validate({"at": at})


@pytest.mark.parametrize("size", [0, "0KB", "much"])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(ValidationError, match="write a"):
        DigestSettings.model_validate({"max_size": size})
