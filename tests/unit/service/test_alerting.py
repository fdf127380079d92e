"""Each thing is told once, not again within the day, and once when it is over."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from listbridge.category import Category
from listbridge.config.models import Alerts, Service
from listbridge.service import alerting, conditions
from listbridge.service.store_watch import Outage
from listbridge.submission import OutgoingSettings
from storage import alerts, audit, categories, deliveries, polls, service_mail
from storage.database import Database
from storage.opening import open_database
from storage.states import UNSENT, Trouble
from tests.fakes.office import general

SENDING = OutgoingSettings(host="smtp.example.org", username="lists@example.org", password="geheim")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

NEW = "[listbridge] general: the mailbox refuses the login"
STILL = "[listbridge] still: general: the mailbox refuses the login"
OVER = "[listbridge] over: general: the mailbox refuses the login"


@pytest.fixture(autouse=True)
def _disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the machine that runs the tests is nobody's business."""
    monkeypatch.setattr(conditions, "_disk", lambda *_: [])


@dataclass
class Watch:
    """One service that looks at its database now and then."""

    db: Database
    service: Service
    known: dict[str, Category]
    start: datetime

    def look(self, after: timedelta = timedelta(0)) -> int:
        """Look so long after the start; return how many mails were made."""
        return alerting.look(self.db, self.service, self.known, self.start + after)

    def fail(
        self,
        slug: str = "general",
        *,
        trouble: Trouble | None = Trouble.LOGIN,
        after: timedelta = timedelta(0),
    ) -> None:
        """End a pass over a category with this trouble."""
        now = self.start + after
        with self.db.transaction() as tx:
            category_id = categories.keep(tx, slug, f"{slug}@example.org").id
            polls.begin(tx, category_id, now=now)
            polls.end(tx, category_id, trouble=trouble, error="it says no", now=now)

    def mend(self, slug: str = "general") -> None:
        """End a pass over a category well."""
        self.fail(slug, trouble=None)

    def mails(self) -> list[EmailMessage]:
        """Return all mails made so far."""
        query = (
            "SELECT bytes FROM raw_messages JOIN outgoing ON raw_id = raw_messages.id "
            "WHERE kind = 'alert' ORDER BY outgoing.id"
        )
        with self.db.reading() as tx:
            found = [bytes(raw) for raw in tx.exec_driver_sql(query).scalars()]
        read = [message_from_bytes(raw, policy=policy.default) for raw in found]
        return [one for one in read if isinstance(one, EmailMessage)]

    def subjects(self) -> list[str]:
        """Return the subjects of all mails made so far."""
        return [str(one["Subject"]) for one in self.mails()]


def _service(db: Database, *to: str, settings: OutgoingSettings | None = SENDING) -> Service:
    here = Path.cwd()
    return Service(
        file=None,
        folder=here,
        categories=here,
        database=db.url,
        alerts=Alerts(to=to),
        alert_settings=settings,
    )


@pytest.fixture
def watch(db: Database, now: datetime) -> Watch:
    known = {"general": general(outgoing=SENDING), "other": general(slug="other")}
    return Watch(db, _service(db, "ann@example.org", "bob@example.net"), known, now)


def test_where_all_is_well_no_mail_is_made(watch: Watch) -> None:
    watch.mend()

    assert watch.look() == 0
    assert watch.mails() == []


def test_what_has_come_to_be_wrong_is_told_once(watch: Watch) -> None:
    watch.fail()

    assert [watch.look(after * MINUTE) for after in range(60)] == [1] + [0] * 59
    assert watch.subjects() == [NEW]


def test_every_operator_gets_it_from_the_accounts_own_address(watch: Watch) -> None:
    watch.fail()
    watch.look()

    with watch.db.reading() as tx:
        listed = deliveries.listed(tx, UNSENT)
        senders = tx.exec_driver_sql("SELECT sender FROM outgoing").scalars().all()
    [mail] = watch.mails()
    assert [one.recipient for one in listed] == ["ann@example.org", "bob@example.net"]
    assert senders == ["lists@example.org"]
    assert mail["From"] == "listbridge <lists@example.org>"


def test_without_an_address_of_its_own_the_account_writes_as_the_operator(
    watch: Watch, db: Database
) -> None:
    settings = OutgoingSettings(host="smtp.example.org", username="lists")
    watch.service = _service(db, "ann@example.org", settings=settings)
    watch.fail()
    watch.look()

    assert watch.mails()[0]["From"] == "listbridge <ann@example.org>"


def test_what_is_over_is_told_once(watch: Watch) -> None:
    watch.fail()
    watch.look()
    watch.mend()

    assert [watch.look(HOUR + after * MINUTE) for after in range(60)] == [1] + [0] * 59
    assert watch.subjects() == [NEW, OVER]


def test_what_was_over_before_it_was_told_is_never_mentioned(watch: Watch) -> None:
    watch.fail()
    watch.mend()

    assert watch.look() == 0


def test_what_goes_on_is_told_again_each_day(watch: Watch) -> None:
    looks = []
    for hour in range(72):
        watch.fail(after=hour * HOUR)
        looks += [hour] * watch.look(hour * HOUR)

    assert looks == [0, 24, 48]
    assert watch.subjects() == [NEW, STILL, STILL]
    assert "Known since 2026-11-01 12:00 UTC" in watch.mails()[2].get_content()


def test_what_comes_and_goes_is_told_once_within_the_day(watch: Watch) -> None:
    for hour in range(0, 24, 2):
        watch.fail()
        watch.look(hour * HOUR)
        watch.mend()
        watch.look((hour + 1) * HOUR)

    assert watch.subjects() == [NEW, OVER]


def test_what_came_back_is_told_when_the_day_is_over(watch: Watch) -> None:
    watch.fail()
    watch.look()
    watch.mend()
    watch.look(HOUR)
    watch.fail()

    looks = [hour for hour in range(2, 48) if watch.look(hour * HOUR)]

    assert looks == [24]
    assert watch.subjects() == [NEW, OVER, NEW]


def test_what_is_long_over_is_forgotten(watch: Watch) -> None:
    watch.fail()
    watch.look()
    watch.mend()
    watch.look(HOUR)

    assert watch.look(DAY) == 0

    with watch.db.reading() as tx:
        assert alerts.every(tx) == []


def test_what_shows_at_the_same_time_is_told_in_one_mail(watch: Watch) -> None:
    slugs = [f"c{number}" for number in range(200)]
    watch.known = {slug: general(slug=slug) for slug in slugs}
    for slug in slugs:
        watch.fail(slug)

    assert watch.look() == 1
    [mail] = watch.mails()
    assert mail["Subject"] == "[listbridge] alerts: 200 new"
    assert all(f"{slug}: the mailbox" in mail.get_content() for slug in slugs)


def test_what_shows_soon_after_a_mail_waits_for_the_next(watch: Watch) -> None:
    watch.fail("general")
    watch.look()
    watch.fail("other")
    watch.mend("general")

    looks = [minute for minute in range(1, 60) if watch.look(minute * MINUTE)]

    assert looks == [5]
    assert watch.subjects() == [NEW, "[listbridge] alerts: 1 new, 1 over"]


def test_a_crash_before_the_commit_leaves_all_to_be_told(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.fail()
    put = service_mail.put

    def dies(*given: object, **more: object) -> None:
        put(*given, **more)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(service_mail, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            watch.look()

    assert watch.mails() == []
    assert watch.look(MINUTE) == 1


def test_of_several_services_on_one_database_one_tells(
    watch: Watch, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.fail()
    all_have_seen_it = threading.Barrier(4)
    first_look = _after_the_first_call(alerting._news, all_have_seen_it.wait)
    monkeypatch.setattr(alerting, "_news", first_look)
    made: list[int] = []

    def serve() -> None:
        db = open_database(f"sqlite:///{database_file}")
        made.append(alerting.look(db, watch.service, watch.known, watch.start))
        db.close()

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [0, 0, 0, 1]
    assert watch.subjects() == [NEW]


def _after_the_first_call(
    function: Callable[..., object], then: Callable[[], object]
) -> Callable[..., object]:
    """Do something after each thread's first call, with its result in hand."""
    seen = threading.local()

    def wrapped(*given: object) -> object:
        result = function(*given)
        if not hasattr(seen, "before"):
            seen.before = True
            then()
        return result

    return wrapped


def test_a_clock_that_was_set_back_silences_nothing_and_doubles_nothing(watch: Watch) -> None:
    watch.fail(after=365 * DAY)
    watch.look(365 * DAY)

    assert [watch.look(hour * HOUR) for hour in range(24)] == [1] + [0] * 23

    watch.look(365 * DAY)
    watch.mend()

    assert [watch.look(HOUR), watch.look(2 * HOUR)] == [1, 0]


def test_where_nothing_can_be_sent_nothing_is_recorded(watch: Watch, db: Database) -> None:
    watch.service = _service(db, "ann@example.org", settings=None)
    watch.fail()

    assert watch.look() == 0
    with db.reading() as tx:
        assert alerts.every(tx) == []


def test_no_password_gets_into_a_mail(watch: Watch) -> None:
    watch.fail()
    watch.look()

    assert "geheim" not in watch.mails()[0].as_string()


def test_the_audit_has_nothing_to_say_about_alerts(watch: Watch) -> None:
    watch.fail()
    watch.look()

    with watch.db.reading() as tx:
        assert audit.problems(tx) == []


@pytest.mark.parametrize(("lasted", "mails"), [(MINUTE / 2, 0), (3 * MINUTE, 1)])
def test_a_database_that_was_away_is_told_of_when_it_is_back(
    watch: Watch, lasted: timedelta, mails: int
) -> None:
    outage = Outage(watch.start - lasted, watch.start, lasted, "disk full")
    alerting.look(watch.db, watch.service, watch.known, watch.start, outage)

    assert watch.subjects() == ["[listbridge] the database could not be used"] * mails
