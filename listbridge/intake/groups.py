"""Which of the messages that wait are decided together: one commit for many costs a tenth."""

from collections.abc import Iterable, Iterator

from storage.inbound import Waiting

# They lie in memory beside each other, and the last one's subscribers wait for them all.
_MOST = 50
_MOST_OCTETS = 1_000_000


def groups(waiting: Iterable[Waiting]) -> Iterator[list[int]]:
    """Cut what waits into groups, by id and in its order.

    Among those that somebody had in hand when he died is perhaps one that kills. Each of them is a
    group by itself, so that no other has to pay for it more than once.
    """
    group: list[int] = []
    octets = 0
    for one in waiting:
        alone = one.attempts > 0
        if group and (alone or len(group) >= _MOST or octets + one.size > _MOST_OCTETS):
            yield group
            group, octets = [], 0
        group.append(one.id)
        octets += one.size
        if alone:
            yield group
            group, octets = [], 0
    if group:
        yield group
