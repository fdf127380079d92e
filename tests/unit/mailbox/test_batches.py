from listbridge.mailbox import Listed
from listbridge.mailbox.mailbox import (
    BATCH_BYTES,
    BATCH_COUNT,
    LARGEST_MESSAGE,
    in_batches,
    nothing_came,
    too_large,
)


def listed(size: int, number: int = 1) -> Listed:
    return Listed(7, str(number), number, size, None)


def test_batches_are_bounded_by_number() -> None:
    many = [listed(1, number) for number in range(BATCH_COUNT * 2 + 1)]

    batches = list(in_batches(many))

    assert [len(batch) for batch in batches] == [BATCH_COUNT, BATCH_COUNT, 1]
    assert [one for batch in batches for one in batch] == many


def test_batches_are_bounded_by_size() -> None:
    third = BATCH_BYTES // 3

    assert [len(batch) for batch in in_batches([listed(third)] * 7)] == [3, 3, 1]


def test_large_message_comes_alone() -> None:
    sizes = [1, BATCH_BYTES * 5, 1]

    assert [len(batch) for batch in in_batches([listed(size) for size in sizes])] == [1, 1, 1]


def test_nothing_wanted_is_no_batch() -> None:
    assert list(in_batches([])) == []


def test_only_sizes_above_the_limit_are_too_large() -> None:
    assert too_large(listed(LARGEST_MESSAGE)) is None
    assert "limit" in str(too_large(listed(LARGEST_MESSAGE + 1)))


def test_zero_octets_of_size_zero_are_a_message() -> None:
    assert nothing_came(listed(0), b"") is None


def test_zero_octets_of_size_ten_are_none() -> None:
    assert "10 octets" in str(nothing_came(listed(10), b""))


def test_what_is_no_bytes_is_no_message() -> None:
    assert nothing_came(listed(0), None)
    assert nothing_came(listed(5), 12345)
