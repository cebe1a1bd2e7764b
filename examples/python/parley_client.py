"""A client of Parley: one device that sends what it reads from standard input and prints what it receives.

It does what proto/README.md asks of a client. Usage:

    PARLEY_PASSWORD=parley-demo python parley_client.py [--server URL]... [--state FILE] HANDLE PEER

Every line of input goes to PEER as a message; every line of output is a JSON object with an `event`. Ctrl-C ends it; the next
start with the same state goes on where this one stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
import uuid
from dataclasses import dataclass

import grpc
from device_store import Store
from login import CALL_S, Login, Stopped
from node import Connection, Refusal, Stream, backoff_s, seconds, spread_s
from parley.account.v1 import account_service_pb2
from parley.error.v1 import error_reason_pb2, stream_closed_pb2
from parley.message.v1 import content_pb2, entry_pb2, message_service_pb2
from parley.session.v1 import session_pb2

HEARTBEATS_MISSED = 3  # After so many without a frame the connection is dead.
STABLE_S = 60  # A stream that was open for so long was no failure.
PAGE_SIZE = 500
SENDS_PENDING_MAX = 100  # Then no more input is read.

ASK_THE_PERSON = ("CREDENTIALS_WRONG", "DEVICE_REVOKED", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_REUSED")


class Lost(Exception):
    """The stream is of no use any more; a new one may be."""


@dataclass
class End:
    """How a stream ended, and so when and where the next one begins."""

    why: str
    delay_s: float | None = None  # None: by back-off.
    server: str | None = None  # None: the next one of the list.


class Device:
    def __init__(self, options: argparse.Namespace, store: Store):
        self.options, self.store = options, store
        self.login = Login(store, options.handle, options.renew_before)
        self.conversation_id = ""
        self.written = asyncio.Event()  # There is something to send.
        self.settled = asyncio.Event()  # There is room for another message.

    async def run(self) -> None:
        """Goes from stream to stream until it is cancelled; raises `Stopped` when only a person can help."""
        servers, index, failures = self.options.server, 0, 0
        server = servers[0]
        while True:
            begin_s = time.monotonic()
            end = await self.visit(server)
            if time.monotonic() - begin_s > STABLE_S:
                failures = 0
            delay_s = end.delay_s
            if delay_s is None:
                delay_s = backoff_s(failures)
                failures += 1
            if end.server is None:
                index += 1
            server = end.server or servers[index % len(servers)]
            emit("ended", why=end.why, delay_s=round(delay_s, 3), next=server)
            await asyncio.sleep(delay_s)

    async def visit(self, server: str) -> End:
        """Everything from one connection to its end."""
        connection, stream = Connection(server), Stream()
        try:
            await self.login.log_in(connection)
            await self.find_peer(connection)
            return await self.follow(connection, stream)
        except grpc.aio.AioRpcError as error:
            return self.end_after(Refusal.of(error), connection, stream)
        except (Lost, asyncio.TimeoutError) as error:
            return self.end_after(
                Refusal(grpc.StatusCode.UNAVAILABLE, str(error) or "silence"), connection, stream
            )
        finally:
            await connection.channel.close()

    def end_after(self, refusal: Refusal, connection: Connection, stream: Stream) -> End:
        if stream.moving is not None:
            return End("moved", 0, stream.moving.address or connection.server)
        why = f"{refusal.code.name} {refusal.reason} {refusal.message}"
        if stream.opened:
            return End(why)  # From `opened` on a status says nothing.
        if refusal.reason and refusal.code == grpc.StatusCode.UNAUTHENTICATED:
            if connection.refreshed or refusal.reason in ASK_THE_PERSON:
                self.store.set(access_token="", refresh_token="")
                raise Stopped(f"log in again: {why}")
            self.store.set(access_token="")
            return End(why, 0, connection.server)
        if refusal.may_be_repeated():
            return End(why, None if refusal.retry_s is None else spread_s(refusal.retry_s))
        raise Stopped(why)

    async def find_peer(self, connection: Connection) -> None:
        """Once per process; then it begins to read what is to be sent."""
        if self.conversation_id:
            return
        request = account_service_pb2.GetAccountRequest(handle=self.options.peer)
        answer = await connection.accounts.GetAccount(
            request, timeout=CALL_S, metadata=await self.login.bearer(connection)
        )
        ids = sorted([self.store.get("account_id"), answer.account.account_id])
        self.conversation_id = "d-" + "-".join(ids)
        loop = asyncio.get_running_loop()
        threading.Thread(target=self.read_input, args=[loop], daemon=True).start()

    # What we say

    def read_input(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(concurrent.futures.CancelledError):  # We are about to end.
            for line in sys.stdin:
                if text := line.rstrip("\n"):
                    asyncio.run_coroutine_threadsafe(self.write(text), loop).result()

    async def write(self, text: str) -> None:
        """Keeps a message, under an id that it has from now on, until its outcome is known."""
        while self.store.sends_pending() >= SENDS_PENDING_MAX:
            self.settled.clear()
            await self.settled.wait()
        content = content_pb2.Content(text=content_pb2.Text(text=text))
        self.store.add_send(
            message_service_pb2.SendMessageRequest(
                conversation_id=self.conversation_id, client_message_id=str(uuid.uuid4()), content=content
            )
        )
        self.written.set()

    async def send_pending(self, stream: Stream) -> None:
        """Sends what has no final outcome, oldest first, one at a time: so the order holds whatever fails."""
        failures = 0
        while True:
            pending = self.store.oldest_send()
            if pending is None:
                self.written.clear()
                await self.written.wait()
                continue
            number, request = pending
            self.store.mark_tried(number, request)
            stream.sending, stream.result = (
                request.client_message_id,
                asyncio.get_running_loop().create_future(),
            )
            stream.say(send=request)
            delay_s = self.settle(number, await stream.result, failures)
            failures = 0 if delay_s is None else failures + 1
            await asyncio.sleep(delay_s or 0)

    def settle(self, number: int, result: session_pb2.SendResult, failures: int) -> float | None:
        """Takes an outcome; answers how long to wait before the next try, None when it is final."""
        failed = result.failed
        if result.HasField("failed"):
            if failed.HasField("retry_delay"):
                return spread_s(seconds(failed.retry_delay))
            if failed.reason == error_reason_pb2.ERROR_REASON_OUTCOME_UNKNOWN:
                return backoff_s(failures)
        self.store.drop_send(number)
        self.settled.set()
        if result.HasField("failed"):
            emit("rejected", client_message_id=result.client_message_id, why=failed.message)
        else:
            emit("sent", client_message_id=result.client_message_id, seq=result.committed.position.seq)
        return None

    # What we hear

    async def follow(self, connection: Connection, stream: Stream) -> End:
        metadata = await self.login.bearer(connection)
        stream.open(self.store.get("resume_ticket"), self.store.next_ordinal(), self.store.positions())
        call = connection.sessions.Attach(metadata=metadata)
        tasks = [asyncio.create_task(stream.write_frames(call))]
        try:
            while not stream.moved():
                try:
                    answer = await asyncio.wait_for(call.read(), stream.wait_s())
                except asyncio.TimeoutError:
                    raise Lost("nothing heard") from None
                if answer is grpc.aio.EOF:
                    raise Lost("the stream ended without a word")
                was_opened = stream.opened
                end = await self.take(connection, stream, answer.frame)
                if end is not None:
                    return end
                if stream.opened and not was_opened:
                    tasks.append(asyncio.create_task(self.send_pending(stream)))
                for task in tasks:
                    if task.done():
                        task.result()  # Raises what ended it, if that is an error of ours.
            raise Lost("moved")
        finally:
            call.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def take(
        self, connection: Connection, stream: Stream, frame: session_pb2.ServerFrame
    ) -> End | None:
        if frame.events:
            for event in frame.events:
                await self.take_event(connection, stream, event)
            self.commit()  # First stored, then acknowledged.
            stream.say(ack=frame.first_delivery_id + len(frame.events) - 1)
        for result in frame.results:
            if result.client_message_id == stream.sending and not stream.result.done():
                stream.result.set_result(result)
        control = frame.WhichOneof("control")
        if control == "opened":
            opened = frame.opened
            stream.opened = True
            stream.silence_s = HEARTBEATS_MISSED * seconds(opened.heartbeat_interval)
            stream.clock_offset_s = opened.server_time.ToNanoseconds() / 1e9 - time.monotonic()
            stream.token_end_s = opened.token_expire_time.ToNanoseconds() / 1e9
            self.store.set(resume_ticket=opened.resume_ticket)
            emit("opened", server=connection.server, generation=opened.generation)
            await self.renew_if_due(connection, stream)
        elif control == "caught_up":
            emit("caught_up")
        elif control == "ping":
            stream.say(pong=frame.ping)
            await self.renew_if_due(connection, stream)
        elif control == "renewed":
            stream.token_end_s = frame.renewed.ToNanoseconds() / 1e9
            emit("renewed")
        elif control == "moving":
            stream.moving = frame.moving
            stream.leave_s = time.monotonic() + random.uniform(0, seconds(frame.moving.jitter))
            emit("moving", address=frame.moving.address)
        elif control == "closed":
            return self.end_of(connection, stream, frame.closed)
        return None

    def end_of(self, connection: Connection, stream: Stream, closed: stream_closed_pb2.StreamClosed) -> End:
        """Does what the node advises; the action counts, not the reason."""
        why = f"closed: {closed.message}"
        server = closed.address or connection.server
        if closed.action == stream_closed_pb2.CLOSE_ACTION_STAY_CLOSED:
            raise Stopped(why)
        if stream.moving is not None:
            return End(why, 0, stream.moving.address or server)
        if closed.action == stream_closed_pb2.CLOSE_ACTION_RECONNECT_NOW:
            return End(why, 0, server)
        if closed.action == stream_closed_pb2.CLOSE_ACTION_RECONNECT_AFTER_LOGIN:
            self.store.set(access_token="")  # Refreshed, before the next attach.
            return End(why, 0, server)
        if closed.HasField("retry_delay"):
            return End(why, seconds(closed.retry_delay), server)
        return End(why, random.uniform(0, 1), server)

    async def renew_if_due(self, connection: Connection, stream: Stream) -> None:
        """Asked at every heartbeat, so that what got lost is said again."""
        now_s = time.monotonic() + stream.clock_offset_s
        if stream.token_end_s - now_s > self.options.renew_before:
            return
        try:
            stream.say(renew=await self.login.access_token(connection))
        except grpc.aio.AioRpcError as error:
            if not Refusal.of(error).may_be_repeated():
                raise

    async def take_event(self, connection: Connection, stream: Stream, event: session_pb2.Event) -> None:
        """An event of an unknown kind is acknowledged like any other."""
        kind = event.WhichOneof("kind")
        if kind == "entry":
            await self.take_entry(connection, stream, event.entry)
        elif kind == "behind":
            await self.list_up_to(connection, stream, event.behind)
            position = self.store.position(event.behind.conversation_id)
            stream.say(follow=position if position.seq > 0 else event.behind)
        elif kind == "rewound":
            self.commit()
            self.store.rewind(event.rewound)
            emit("rewound", conversation_id=event.rewound.conversation_id, seq=event.rewound.seq)

    async def take_entry(self, connection: Connection, stream: Stream, entry: entry_pb2.Entry) -> None:
        """The next one is stored, a lower one dropped; before a higher one the gap is listed."""
        held = self.store.position(entry.conversation_id).seq
        if entry.seq <= held + 1 or self.adds_us(entry):
            self.store.keep(entry)
            return
        await self.list_up_to(connection, stream, entry)
        if self.store.position(entry.conversation_id).seq < entry.seq:
            raise Lost(f"entry {entry.seq} was pushed and cannot be listed")

    def adds_us(self, entry: entry_pb2.Entry) -> bool:
        """What precedes the entry by which we came into a group is no gap."""
        us = self.store.get("account_id")
        return us in entry.members_added.account_ids or us in entry.group_created.member_ids

    async def list_up_to(
        self, connection: Connection, stream: Stream, goal: entry_pb2.Position | entry_pb2.Entry
    ) -> None:
        seq, has_more = self.store.position(goal.conversation_id).seq, True
        while seq < goal.seq and has_more:
            self.commit()  # Nothing stays open while we wait.
            request = message_service_pb2.ListEntriesRequest(
                conversation_id=goal.conversation_id, seq=seq, page_size=PAGE_SIZE
            )
            page = await connection.messages.ListEntries(
                request, timeout=CALL_S, metadata=await self.login.bearer(connection)
            )
            for entry in page.entries:
                self.store.keep(entry)
            seq, has_more = page.next_seq, page.has_more
            stream.say(ping=seq)  # A sign of life: while we list, nobody answers pings.
        self.commit()

    def commit(self) -> None:
        for entry in self.store.commit():
            emit(
                "entry",
                conversation_id=entry.conversation_id,
                epoch=entry.epoch,
                seq=entry.seq,
                sender_id=entry.sender_id,
                # Null where we know no words for it.
                text=entry.message.text.text if entry.message.HasField("text") else None,
            )


def emit(event: str, **fields) -> None:
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sends what it reads to PEER, and prints what it receives.")
    parser.add_argument("handle", help="who you are, for example alice")
    parser.add_argument("peer", help="whom you write to, for example bob")
    parser.add_argument("--server", action="append", help="base URL of a node; may be repeated")
    parser.add_argument("--state", help="where this device is kept; HANDLE.db unless told otherwise")
    parser.add_argument(
        "--renew-before", type=float, default=120, help="seconds before its end at which a token is renewed"
    )
    options = parser.parse_args()
    options.server = options.server or ["http://127.0.0.1:7080"]
    options.state = options.state or f"{options.handle}.db"
    return options


async def main() -> int:
    options = parse_options()
    task = asyncio.create_task(Device(options, Store(options.state)).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except Stopped as stopped:
        emit("stopped", why=str(stopped))
        return 1
    except asyncio.CancelledError:
        return 0
    return 0


if __name__ == "__main__":
    # The thread that waits for input must not keep the process alive.
    status = asyncio.run(main())
    sys.stdout.flush()
    os._exit(status)
