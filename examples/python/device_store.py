"""What a device keeps, so that it loses and repeats nothing when its process or its node ends."""

from __future__ import annotations

import os
import sqlite3

from parley.message.v1 import entry_pb2, message_service_pb2

POSITIONS_MAX = 10_000  # What one stream takes.


class Store:
    """What the device keeps, in one SQLite file. Entries and positions change in one transaction."""

    def __init__(self, path: str):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # It holds a token.
        self.db = sqlite3.connect(path)
        self.stored: list[entry_pb2.Entry] = []  # In the transaction that is open.
        self.db.executescript(
            """
            CREATE TABLE IF NOT EXISTS device (key TEXT PRIMARY KEY, value TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS positions (conversation_id TEXT PRIMARY KEY, epoch INTEGER, seq INTEGER);
            CREATE TABLE IF NOT EXISTS entries (
                conversation_id TEXT, seq INTEGER, entry BLOB NOT NULL, PRIMARY KEY (conversation_id, seq));
            CREATE TABLE IF NOT EXISTS sends (number INTEGER PRIMARY KEY AUTOINCREMENT, request BLOB NOT NULL);
        """
        )

    def get(self, key: str) -> str:
        row = self.db.execute("SELECT value FROM device WHERE key = ?", [key]).fetchone()
        return row[0] if row else ""

    def set(self, **values: str) -> None:
        with self.db:
            self.db.executemany("INSERT OR REPLACE INTO device VALUES (?, ?)", values.items())

    def next_ordinal(self) -> int:
        """Counts the streams, so that one which was given up, and is opened late, takes over from no later one."""
        ordinal = int(self.get("ordinal") or 0) + 1
        self.set(ordinal=str(ordinal))
        return ordinal

    def position(self, conversation_id: str) -> entry_pb2.Position:
        query = "SELECT epoch, seq FROM positions WHERE conversation_id = ?"
        epoch, seq = self.db.execute(query, [conversation_id]).fetchone() or (0, 0)
        return entry_pb2.Position(conversation_id=conversation_id, epoch=epoch, seq=seq)

    def positions(self) -> list[entry_pb2.Position]:
        """At most as many as a stream takes. One that is not named is pushed from its start, and dropped as held."""
        rows = self.db.execute("SELECT * FROM positions LIMIT ?", [POSITIONS_MAX])
        return [entry_pb2.Position(conversation_id=id, epoch=epoch, seq=seq) for id, epoch, seq in rows]

    def keep(self, entry: entry_pb2.Entry) -> None:
        """Stores an entry and moves the position to it, unless it is held. Durable after `commit`."""
        if entry.seq <= self.position(entry.conversation_id).seq:
            return
        row = (entry.conversation_id, entry.seq, entry.SerializeToString())
        self.db.execute("INSERT INTO entries VALUES (?, ?, ?)", row)
        self.db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (row[0], entry.epoch, entry.seq))
        self.stored.append(entry)

    def rewind(self, to: entry_pb2.Position) -> None:
        """History was undone: drops what is held above a position, and takes that one over, epoch included."""
        with self.db:
            self.db.execute(
                "DELETE FROM entries WHERE conversation_id = ? AND seq > ?", (to.conversation_id, to.seq)
            )
            row = (to.conversation_id, to.epoch, to.seq)
            self.db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", row)

    def commit(self) -> list[entry_pb2.Entry]:
        """Makes everything kept durable, and answers the entries that are new."""
        self.db.commit()
        stored, self.stored = self.stored, []
        return stored

    def add_send(self, request: message_service_pb2.SendMessageRequest) -> None:
        with self.db:
            self.db.execute("INSERT INTO sends (request) VALUES (?)", [request.SerializeToString()])

    def sends_pending(self) -> int:
        return self.db.execute("SELECT COUNT(*) FROM sends").fetchone()[0]

    def oldest_send(self) -> tuple[int, message_service_pb2.SendMessageRequest] | None:
        row = self.db.execute("SELECT number, request FROM sends ORDER BY number LIMIT 1").fetchone()
        return row and (row[0], message_service_pb2.SendMessageRequest.FromString(row[1]))

    def mark_tried(self, number: int, request: message_service_pb2.SendMessageRequest) -> None:
        """From now on every try of it is a repetition, even if this process ends before it knows."""
        tried = message_service_pb2.SendMessageRequest()
        tried.CopyFrom(request)
        tried.retry = True
        with self.db:
            self.db.execute(
                "UPDATE sends SET request = ? WHERE number = ?", (tried.SerializeToString(), number)
            )

    def drop_send(self, number: int) -> None:
        with self.db:
            self.db.execute("DELETE FROM sends WHERE number = ?", [number])
