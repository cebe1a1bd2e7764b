"""One node, as a device talks to it: clients, an attached stream, and what a refused call says."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2, status_pb2
from parley.account.v1 import account_service_pb2_grpc
from parley.message.v1 import entry_pb2, message_service_pb2_grpc
from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc

OPENED_S = 10  # A node that says nothing to an attach for so long stands still.
BACKOFF_S, BACKOFF_MAX_S = 0.5, 30  # Full jitter: a random part of the first, which doubles up to the second.
POSITIONS_PER_FRAME = 1_000

REPEATABLE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)


def backoff_s(failures: int) -> float:
    return random.uniform(0, min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(failures, 16)))


def seconds(duration) -> float:
    return duration.ToTimedelta().total_seconds()


def spread_s(delay_s: float) -> float:
    """A delay that a node asked for, and up to as long again: those refused together do not come back together."""
    return delay_s * (1 + random.random())


@dataclass
class Refusal:
    """What the status of a failed call says. Without a reason it was not a node that spoke, but the network."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    retry_s: float | None = None

    @staticmethod
    def of(error: grpc.aio.AioRpcError) -> Refusal:
        refusal = Refusal(error.code(), error.details() or "")
        status = status_pb2.Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        for detail in status.details:
            if detail.Unpack(info):
                refusal.reason = info.reason
                if "incident_id" in info.metadata:
                    refusal.message += f" (incident {info.metadata['incident_id']})"
            elif detail.Unpack(retry):
                refusal.retry_s = seconds(retry.retry_delay)
        return refusal

    def may_be_repeated(self) -> bool:
        if self.code == grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_s is not None
        return not self.reason or self.code in REPEATABLE


class Connection:
    """The clients of one node."""

    def __init__(self, server: str):
        url = urlsplit(server)
        address = f"{url.hostname}:{url.port or (443 if url.scheme == 'https' else 80)}"
        # Each connection tries at once, whatever earlier ones to this address met.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if url.scheme == "https":
            self.channel = grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options)
        else:
            self.channel = grpc.aio.insecure_channel(address, options)
        self.server = server
        self.accounts = account_service_pb2_grpc.AccountServiceStub(self.channel)
        self.messages = message_service_pb2_grpc.MessageServiceStub(self.channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(self.channel)
        self.refreshed = False  # The token of this connection is as new as can be.


@dataclass
class Stream:
    """One attached stream."""

    upward: asyncio.Queue = field(default_factory=asyncio.Queue)
    opened: bool = False
    silence_s: float = OPENED_S
    clock_offset_s: float = 0  # What the node's clock is ahead of ours.
    token_end_s: float = 0  # On the node's clock.
    leave_s: float | None = None  # When to leave, on the monotonic clock, after `moving`.
    moving: session_pb2.Moving | None = None
    sending: str = ""  # The client_message_id that is under way.
    result: asyncio.Future | None = None

    def say(self, **kind) -> None:
        frame = session_pb2.ClientFrame(**kind)
        self.upward.put_nowait(session_service_pb2.AttachRequest(frame=frame))

    async def write_frames(self, call: grpc.aio.StreamStreamCall) -> None:
        # That the call has ended is told by reading from it, which knows why.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await call.write(await self.upward.get())

    def open(self, ticket: str, ordinal: int, positions: list[entry_pb2.Position]) -> None:
        pages = [
            positions[at : at + POSITIONS_PER_FRAME]
            for at in range(0, len(positions) or 1, POSITIONS_PER_FRAME)
        ]
        for index, page in enumerate(pages):
            named = session_pb2.Positions(positions=page, last=index == len(pages) - 1)
            if index == 0:
                self.say(open=session_pb2.Open(resume_ticket=ticket, ordinal=ordinal, positions=named))
            else:
                self.say(positions=named)

    def wait_s(self) -> float:
        """How long to wait for the next frame."""
        if self.leave_s is None:
            return self.silence_s
        return max(0, min(self.silence_s, self.leave_s - time.monotonic()))

    def moved(self) -> bool:
        return self.leave_s is not None and time.monotonic() >= self.leave_s
