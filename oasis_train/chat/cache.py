"""Answers of chat models in a SQLite file, each committed as it comes, and what they cost.

A process that is killed loses at most the answers under way. The ledger counts what was spent for each
purpose and model over the life of the file, also for answers that were lost on their way.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from oasis_train.chat.request import TOO_LONG, Answer
from oasis_train.errors import DataError

FORMAT = 1

_SCHEMA = f"""
CREATE TABLE answers (
  key TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL);
CREATE TABLE ledger (
  purpose TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL, prompt_chars INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL, answer_tokens INTEGER NOT NULL, PRIMARY KEY (purpose, model));
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True, slots=True)
class Spending:
    """What requests have used."""

    requests: int = 0
    prompt_chars: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class ChatCache:
    """One cache file; to be used by one thread at a time. Other processes may use it as well."""

    def __init__(self, path: Path) -> None:
        """`path` is made when it does not exist."""
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            with self._explained():
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute("BEGIN IMMEDIATE")  # two processes may make it at the same time
                found = self._db.execute("PRAGMA user_version").fetchone()[0]
                if not found:
                    for statement in _SCHEMA.split(";"):
                        self._db.execute(statement)
                self._db.execute("COMMIT")
            if found not in (0, FORMAT):
                raise DataError(f"{path} has format {found}, this version reads {FORMAT}. Name another file.")
        except BaseException:
            self._db.close()
            raise

    def get(self, key: str) -> Answer | None:
        """The answer recorded under `key`."""
        with self._explained():
            row = self._db.execute(
                "SELECT text, finish, prompt_tokens, answer_tokens FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return Answer(*row) if row else None

    def put(self, key: str, answer: Answer, *, purpose: str, model: str, prompt_chars: int) -> Answer:
        """Record an answer and what it cost; returns the one that is recorded, which is the first."""
        with self._explained(), self._transaction():
            self._record(key, model, answer)
            self._charge(purpose, model, prompt_chars, answer.prompt_tokens, answer.answer_tokens)
        return self.get(key) or answer

    def put_refusal(self, key: str, model: str, reason: str) -> None:
        """Record that the server refused a prompt for its length; an answer may take its place."""
        with self._explained(), self._transaction():
            self._record(key, model, Answer(reason, TOO_LONG, 0, 0))

    def charge_lost(self, purpose: str, model: str, prompt_tokens: int, answer_tokens: int) -> None:
        """Count an answer that may have cost so much but never arrived."""
        with self._explained(), self._transaction():
            self._charge(purpose, model, 0, prompt_tokens, answer_tokens)

    def spending(self, purpose: str, model: str) -> Spending:
        """What was spent so far."""
        with self._explained():
            row = self._db.execute(
                "SELECT requests, prompt_chars, prompt_tokens, answer_tokens FROM ledger "
                "WHERE purpose = ? AND model = ?",
                (purpose, model),
            ).fetchone()
        return Spending(*row) if row else Spending()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _record(self, key: str, model: str, answer: Answer) -> None:
        self._db.execute(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET text = excluded.text, "
            "finish = excluded.finish, prompt_tokens = excluded.prompt_tokens, "
            "answer_tokens = excluded.answer_tokens WHERE finish = ?",
            (key, model, *astuple(answer), TOO_LONG),
        )

    def _charge(self, purpose: str, model: str, *amounts: int) -> None:
        self._db.execute(
            "INSERT INTO ledger VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "requests = requests + 1, prompt_chars = prompt_chars + excluded.prompt_chars, "
            "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
            "answer_tokens = answer_tokens + excluded.answer_tokens",
            (purpose, model, *amounts),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DataError(
                f"{self.path} cannot be used ({error}). Make room there and see that it can be written; "
                "answers recorded so far are kept."
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.path} is no cache of answers ({error}). Move it away.") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error}).") from error
