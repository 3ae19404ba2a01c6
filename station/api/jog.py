"""The jog pad: one WebSocket for one page that holds buttons. Frames in, the picture of the pad out.

The one command that does not come by HTTP: a held button needs an order of its frames and an end that nobody has to
send. Nothing here decides what may move; a page that goes away lets go by that alone.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from station.api.access import needs, still_let_in
from station.api.models import JogFrame
from station.api.port import ControllerPort, Refused
from station.api.streams import Streams, finite
from station.people.roles import Right

TOLD_EVERY_S = 0.05
SAID_AGAIN_S = 1.0
"""an unchanged picture is sent again after so long"""
TAKES_LIMIT_S = 2.0
"""a page that takes no picture for so long does not show what moves: it has the pad no more. Estimate"""
PAD_TAKEN, BAD_FRAME, GOING_AWAY = 4409, 4400, 1001
"""close codes; 4000 and above are the application's (RFC 6455, 7.4.2)"""
REASON_LIMIT = 120
"""a close reason has room for 123 bytes"""


def router(port: ControllerPort, streams: Streams) -> APIRouter:
    """The route of this noun."""
    routes = APIRouter(prefix="/v1", tags=["jog"])

    @routes.websocket("/jog", dependencies=[needs(Right.MAINTAIN)])
    async def jog(socket: WebSocket) -> None:
        """Take the pad, hold buttons, be told what moves. Closing lets go."""
        try:
            async with asyncio.timeout(TAKES_LIMIT_S):
                await socket.accept()
        except TimeoutError:
            return
        try:
            token = port.take_jog()
        except Refused as refused:
            await _close(socket, PAD_TAKEN, refused.message)
            return
        try:
            await _Pad(socket, port, streams, token).serve()
        finally:
            port.give_back_jog(token)

    return routes


class _Pad:
    """One page with the pad in its hand."""

    def __init__(self, socket: WebSocket, port: ControllerPort, streams: Streams, token: str) -> None:
        self._socket, self._port, self._streams, self._token = socket, port, streams, token
        self._refused: str | None = None
        """why the newest frame was not obeyed"""

    async def serve(self) -> None:
        """Until the page or the server goes away."""
        telling = asyncio.create_task(self._tell(), name="jog pad told")
        hearing = asyncio.create_task(self._hear(), name="jog pad heard")
        telling.add_done_callback(lambda _: hearing.cancel())
        hearing.add_done_callback(lambda _: telling.cancel())
        try:
            for ended in await asyncio.gather(hearing, telling, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
                    raise ended
        finally:
            # Before anything is said to the page: the axis does not wait for a farewell.
            self._port.give_back_jog(self._token)
            hearing.cancel()
            telling.cancel()
            await _close(self._socket, GOING_AWAY)

    async def _hear(self) -> None:
        while True:
            text = await self._socket.receive_text()
            if not still_let_in(self._socket.scope, is_act=True):
                return
            try:
                frame = JogFrame.model_validate_json(text)
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in problem["loc"])
                self._port.give_back_jog(self._token)
                await _close(self._socket, BAD_FRAME, f"{where}: {problem['msg']}")
                return
            held = None if frame.hold is None else (frame.hold.axis, frame.hold.direction, frame.hold.speed)
            try:
                self._port.jog_frame(frame.token, frame.n, held)
                self._refused = None
            except Refused as refused:
                self._refused = refused.message

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        told, told_at_s = "", 0.0
        while not self._streams.is_closing and still_let_in(self._socket.scope):
            picture = {"token": self._token, "refused": self._refused, **self._port.jog()}
            text = json.dumps(finite(picture), separators=(",", ":"), allow_nan=False)
            if text != told or loop.time() - told_at_s >= SAID_AGAIN_S:
                try:
                    async with asyncio.timeout(TAKES_LIMIT_S):
                        await self._socket.send_text(text)
                except TimeoutError:
                    return
                told, told_at_s = text, loop.time()
            await asyncio.sleep(TOLD_EVERY_S)


async def _close(socket: WebSocket, code: int, reason: str = "") -> None:
    """Unless it was closed already, or takes nothing, not even this."""
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(TAKES_LIMIT_S):
            await socket.close(code, reason[:REASON_LIMIT])
