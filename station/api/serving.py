"""The web server inside the running loop: started on a port, stopped without leaving a connection or a task.

Nothing here handles signals; whoever runs the station decides when it ends.
"""

from __future__ import annotations

import asyncio

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from station.api.streams import SEND_LIMIT_S

WS_FRAME_LIMIT_BYTES = 1_000  # the one WebSocket is the jog pad, whose frames have a hundred
STOP_LIMIT_S = 3.0  # how long open answers may take to end


STUCK_LIMIT_S = SEND_LIMIT_S + 5.0  # the answer ends first; then what is unsent goes with the connection


class CannotServe(Exception):
    """The address could not be had; the message says which and what to do."""


class Serving:
    """A running server.

    port   the bound port, also when 0 was asked for
    """

    def __init__(self, app: FastAPI, server: uvicorn.Server, host: str, port: int) -> None:
        self._app = app
        self._server = server
        self.host = host
        self.port = port
        self._main = asyncio.get_running_loop().create_task(server.main_loop(), name="web server")

    @property
    def url(self) -> str:
        """Address of the screens."""
        return f"http://{self.host}:{self.port}"

    async def stop(self) -> None:
        """End all streams, finish what is being answered, free the port. May be called twice."""
        if self._server.should_exit:
            return
        self._server.should_exit = True
        # Streams never end by themselves; the server would wait for them.
        self._app.state.streams.close()
        await self._main
        await self._server.shutdown()


class Unstuck(HttpToolsProtocol):
    """A connection whose other end has taken nothing for too long is cut off.

    A connection that is closed waits until all was taken that was written, and of a page that does not read that is for
    ever: each would keep a file and up to 64 KiB.
    """

    _stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = asyncio.get_running_loop().call_later(STUCK_LIMIT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._moves()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._moves()

    def _moves(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


async def serve(app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> Serving:
    """Start serving in this loop and return when the port is bound.

    port     0 takes any free one
    raises   CannotServe
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Unstuck,
        ws="websockets-sansio",
        ws_max_size=WS_FRAME_LIMIT_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(STOP_LIMIT_S),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit:
        raise CannotServe(
            f"{host}:{port} cannot be had: another program has it, or it is not an address of this computer. "
            "Stop that program or choose another port."
        ) from None
    bound = int(server.servers[0].sockets[0].getsockname()[1])
    return Serving(app, server, host, bound)
