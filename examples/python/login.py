"""Who the device is: a login, made once, and the tokens that follow from it."""

from __future__ import annotations

import os
import time

from device_store import Store
from node import Connection
from parley.account.v1 import account_pb2, account_service_pb2

CALL_S = 10  # The longest that a unary call may take.


class Stopped(Exception):
    """Only a person can help now."""


class Login:
    def __init__(self, store: Store, handle: str, renew_before_s: float):
        self.store, self.handle, self.renew_before_s = store, handle, renew_before_s

    async def log_in(self, connection: Connection) -> None:
        """Once per device: later visits have its refresh token."""
        if self.store.get("refresh_token"):
            return
        password = os.environ.get("PARLEY_PASSWORD")
        if password is None:
            raise Stopped("set PARLEY_PASSWORD: this device is not logged in")
        request = account_service_pb2.LoginRequest(
            handle=self.handle,
            password=account_pb2.Password(text=password),
            device_id=self.store.get("device_id"),
            device_name="Python example",
        )
        # Repeated when its answer is lost: that leaves a device behind that nobody uses.
        answer = await connection.accounts.Login(request, timeout=CALL_S)
        self.store.set(device_id=answer.device_id, account_id=answer.account.account_id)
        self.keep_tokens(answer.tokens, connection)

    def keep_tokens(self, tokens: account_pb2.Tokens, connection: Connection) -> None:
        end_s = tokens.access_expire_time.ToNanoseconds() / 1e9
        self.store.set(
            access_token=tokens.access_token, access_end_s=str(end_s), refresh_token=tokens.refresh_token
        )
        connection.refreshed = True

    async def access_token(self, connection: Connection) -> str:
        """One that is good for a while. New ones are stored before they are used."""
        token, end_s = self.store.get("access_token"), float(self.store.get("access_end_s"))
        if token and end_s - time.time() > self.renew_before_s:
            return token
        request = account_service_pb2.RefreshTokenRequest(refresh_token=self.store.get("refresh_token"))
        answer = await connection.accounts.RefreshToken(request, timeout=CALL_S)
        self.keep_tokens(answer.tokens, connection)
        return answer.tokens.access_token

    async def bearer(self, connection: Connection) -> list[tuple[str, str]]:
        return [("authorization", "Bearer " + await self.access_token(connection))]
