"""The database in trouble: a clear text, soon, without the password; and work goes on when it is
back.
"""

import sqlite3
import threading
import time
import traceback

import pytest

from emulator.addons import postgresql
from store import Feedback, FeedbackStore, LedgerStore, StoreError, StoreUnavailable
from store.direct import BUSY_TIMEOUT_S
from store.engine import engine, part_engine
from store.schema import LABELS_PART
from tests.postgres import PASSWORD, QUOTED_PASSWORD, postgres
from tests.store.conftest import AT
from tests.store.processes import HOLD, finish, start


def test_the_ledgers_folder_and_file_are_for_this_user_alone(tmp_path):
    engine(f"sqlite:///{tmp_path}/one/two/ledger.db")
    made = ("one", "one/two", "one/two/ledger.db")
    assert [oct((tmp_path / path).stat().st_mode)[-3:] for path in made] == ["700", "700", "600"]


def test_a_folder_that_was_there_keeps_its_rights(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    engine(f"sqlite:///{tmp_path}/shared/ledger.db")
    assert oct((tmp_path / "shared").stat().st_mode)[-3:] == "755"


def test_sqlite_is_opened_in_wal_and_flushes_every_act(tmp_path):
    with engine(f"sqlite:///{tmp_path}/ledger.db").connect() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked] == [
            "wal",
            2,
            1,
            2000,
        ]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_accepted(scheme):
    made = engine(f"{scheme}://ann:pw@db.example:5432/ledger?sslmode=require")
    assert made.url.drivername == "postgresql+psycopg"
    assert made.url.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    "url", ["mysql://ann:hunter2@db/x", "ann:hunter2@db", "", "sqlite://", "sqlite:///:memory:"]
)
def test_any_other_address_is_refused_without_showing_a_password(url):
    with pytest.raises(StoreError, match=r"sqlite:///var/ledger\.db") as refused:
        engine(url)
    assert "hunter2" not in _all_text(refused.value)


@pytest.mark.parametrize("mode", ["NORMAL", "EXCLUSIVE"])
def test_a_locked_file_is_waited_for_and_reported_and_used_again_when_free(tmp_path, append, mode):
    path = tmp_path / "ledger.db"
    made = engine(f"sqlite:///{path}")
    ledger = LedgerStore(made, "flights")
    ledger.create()
    made.dispose()
    holder = start(HOLD, str(path), mode)
    assert holder.stdout.readline() == "held\n"
    started = time.monotonic()
    with pytest.raises(
        StoreUnavailable, match=r"ledger\.db cannot be used: database is locked\. Another process"
    ):
        append(ledger, 1)

    assert time.monotonic() - started > 0.75 * BUSY_TIMEOUT_S
    holder.stdin.write("\n")
    finish(holder)
    append(ledger, 1)
    assert ledger.verify() == 1
    made.dispose()


def test_readers_go_on_while_another_process_writes(tmp_path, append):
    path = tmp_path / "ledger.db"
    made = engine(f"sqlite:///{path}")
    ledger = LedgerStore(made, "flights")
    ledger.create()
    append(ledger, 1)
    holder = start(HOLD, str(path), "NORMAL")
    assert holder.stdout.readline() == "held\n"
    assert ledger.revision() == 1
    holder.stdin.write("\n")
    finish(holder)
    made.dispose()


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_text("not a database " * 100)
    with pytest.raises(
        StoreUnavailable, match=r"ledger\.db cannot be used: file is not a database"
    ):
        LedgerStore(engine(f"sqlite:///{path}"), "flights").newest()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreUnavailable, match=r"file/ledger\.db cannot be opened: Not a directory"
    ):
        engine(f"sqlite:///{tmp_path}/file/ledger.db")


def test_missing_tables_are_reported_with_what_makes_them(opened):
    for read in (
        LedgerStore(opened, "flights").revision,
        FeedbackStore(opened, "flights").outcomes,
    ):
        with pytest.raises(StoreUnavailable, match="bring the stack up once"):
            read()


def test_a_write_that_fails_midway_leaves_nothing_and_no_open_transaction(opened, ledger, append):
    label = Feedback("p", "v1", None, None, "1", "right", AT)
    with part_engine(opened, LABELS_PART).connect() as connection:
        connection.exec_driver_sql("DROP TABLE feedback")

    with pytest.raises(StoreUnavailable, match="feedback"):
        FeedbackStore(opened, "flights").add([label])

    append(ledger, 1)
    ledger.create()
    assert FeedbackStore(opened, "flights").add([label]) == [True]


def test_a_stopped_postgresql_is_reported_soon_and_used_again_when_it_is_back(
    postgres_server, postgres_url, append
):
    made = engine(postgres_url)
    ledger = LedgerStore(made, "flights")
    ledger.create()
    append(ledger, 1)
    postgres_server.stop()
    try:
        for attempt in (ledger.revision, lambda: append(ledger, 2), ledger.create):
            with pytest.raises(StoreUnavailable, match=r"sluice:\*\*\*@127\.0\.0\.1") as refused:
                attempt()
            assert "See that the database runs" in str(refused.value)
            _assert_no_password(refused.value)
    finally:
        postgres_server.start()

    assert ledger.revision() == 1
    append(ledger, 2)
    assert ledger.verify() == 2
    made.dispose()


def test_connections_cut_by_the_server_do_not_show(postgres_server, postgres_url, append):
    made = engine(postgres_url)
    ledger = LedgerStore(made, "flights")
    ledger.create()
    with postgres_server.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )

    append(ledger, 1)
    assert ledger.revision() == 1
    made.dispose()


def test_a_wrong_password_is_said_and_never_shown(postgres_server):
    url = postgres_server.url().replace(QUOTED_PASSWORD, "wr%40ng-hunter2")
    with pytest.raises(
        StoreUnavailable, match=r"authentication failed.*Correct the user or the password"
    ) as refused:
        LedgerStore(engine(url), "flights").revision()

    assert "hunter2" not in _all_text(refused.value)


def test_a_missing_postgresql_database_is_said(postgres_server):
    with pytest.raises(
        StoreUnavailable, match=r'"nowhere" does not exist\. Create the database'
    ) as refused:
        LedgerStore(engine(postgres_server.url("nowhere")), "flights").revision()
    _assert_no_password(refused.value)


def test_a_table_locked_for_long_in_postgresql_ends_in_a_clear_refusal(
    postgres_server, postgres_url, append
):
    made = engine(postgres_url)
    ledger = LedgerStore(made, "flights")
    ledger.create()
    name = postgres_url.rsplit("/", 1)[1]
    with postgres_server.connect(name) as connection, connection.transaction():
        connection.execute("LOCK TABLE revisions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match=r"statement timeout.*try again"):
            append(ledger, 1)

    append(ledger, 1)
    made.dispose()


def test_a_poll_on_sqlite_is_cheap(tmp_path, append):
    made = engine(f"sqlite:///{tmp_path}/ledger.db")
    ledger = LedgerStore(made, "flights")
    ledger.create()
    for revision in range(1, 51):
        append(ledger, revision)

    bare = sqlite3.connect(tmp_path / "ledger.db")
    polled = cheapest(ledger.revision)
    asked = cheapest(lambda: bare.execute("SELECT max(revision) FROM revisions").fetchone())
    bare.close()
    assert polled < 60 * asked
    made.dispose()


def cheapest(act, times=200):
    """Processor seconds of the cheapest of some runs of an act: a measure of what it does, not of
    who else runs.
    """

    def spent():
        begun = time.process_time()
        for _ in range(times):
            act()
        return time.process_time() - begun

    return min(spent() for _ in range(5))


def test_more_threads_than_connections_wait_their_turn(opened, ledger, append):
    append(ledger, 1)
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(ledger.revision())) for _ in range(40)]
    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert seen == [1] * 40


def test_a_file_that_vanished_is_reported_without_a_bugs_traceback(tmp_path):
    made = engine(f"sqlite:///{tmp_path}/ledger.db")
    (tmp_path / "ledger.db").unlink()
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        LedgerStore(made, "flights").revision()


def test_without_postgresql_a_test_skips_and_says_what_to_install(monkeypatch):
    monkeypatch.setattr(postgresql, "binaries", lambda: None)
    with pytest.raises(pytest.skip.Exception, match="apt-get install postgresql"), postgres():
        pass


def test_a_crowd_that_finds_no_free_connection_is_told_so(tmp_path):
    made = engine(f"sqlite:///{tmp_path}/ledger.db")
    made.pool._timeout = 0.05
    held = [made.connect() for _ in range(15)]
    with pytest.raises(
        StoreUnavailable, match=r"QueuePool limit.*Too many acts at once: try again\.$"
    ):
        LedgerStore(made, "flights").revision()

    for connection in held:
        connection.close()

    made.dispose()


def _assert_no_password(error: Exception) -> None:
    text = _all_text(error)
    assert PASSWORD not in text
    assert QUOTED_PASSWORD not in text


def _all_text(error: Exception) -> str:
    """Everything that a traceback of it would print."""
    return "".join(traceback.format_exception(error))


def test_a_file_that_was_deleted_is_noticed_by_who_had_it_open_and_no_empty_one_is_made(
    tmp_path, append
):
    path = tmp_path / "ledger.db"
    opened = engine(f"sqlite:///{path}")
    ledger = LedgerStore(opened, "flights")
    ledger.create()
    append(ledger, 1)
    copy = path.with_suffix(".copy")
    for part in tmp_path.glob("ledger.db*"):
        part.rename(copy if part == path else copy.with_name(f"copy{part.suffix}"))

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"the file is gone\. Restore it from a backup"):
            ledger.revision()

    assert not path.exists()
    opened.dispose()


def test_a_file_that_was_replaced_is_read_from_then_on(tmp_path, append):
    for name, revisions in (("ledger.db", 1), ("backup.db", 2)):
        made = engine(f"sqlite:///{tmp_path / name}")
        ledger = LedgerStore(made, "flights")
        ledger.create()
        for revision in range(1, revisions + 1):
            append(ledger, revision)
        made.dispose()

    opened = engine(f"sqlite:///{tmp_path}/ledger.db")
    ledger = LedgerStore(opened, "flights")
    assert ledger.revision() == 1
    for path in tmp_path.glob("ledger.db-*"):
        path.unlink()

    (tmp_path / "backup.db").rename(tmp_path / "ledger.db")
    assert ledger.revision() == 2
    opened.dispose()
