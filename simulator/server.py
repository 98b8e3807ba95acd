"""Both origins in one process and one event loop."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Generator

import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator import admin, api, cdn
from simulator.clock import Clock
from simulator.envelope import ApiError, on_api_error
from simulator.options import Setup
from simulator.request_log import RequestLog
from simulator.world import World

GRACE_SECONDS = 3


class Ready(BaseModel):
    """The addresses and the process id of a started simulator."""

    provider_url: str
    provider_admin_url: str
    cdn_url: str
    pid: int


class Protocol(H11Protocol):
    """HTTP/1.1 protocol that exposes the connection, so that a fault can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Add the transport to the state of every request."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """A server with an event for its start, without signal handlers."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self.listening = asyncio.Event()
        self._listener = listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start and set `listening`."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Install no signal handlers; two servers share one process."""
        yield

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Serve until the event is set."""
        serving = asyncio.ensure_future(self.serve([self._listener]))
        await stopping.wait()
        self.should_exit = True
        await serving


def _app(world: World, routes: list[BaseRoute], origin: str) -> ASGIApp:
    handlers = {ApiError: on_api_error, HTTPException: on_api_error, Exception: on_api_error}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.world = world
    return RequestLog(app, world.requests, origin)


def _listen(host: str, port: int) -> tuple[socket.socket, str]:
    # With an explicit protocol, asyncio disables Nagle's algorithm, which costs 40 ms per response.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    reachable = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    return listener, f"http://{reachable}:{listener.getsockname()[1]}"


async def serve(setup: Setup, on_ready: Callable[[Ready], None], stop: asyncio.Event,
                clock: Clock | None = None) -> None:  # fmt: skip
    """Run one simulator until `stop` is set; `on_ready` gets its addresses."""
    world = World(setup, clock)
    api_socket, world.origin = _listen(setup.host, setup.api_port)
    cdn_socket, world.cdn_origin = _listen(setup.host, setup.cdn_port)
    api_routes: list[BaseRoute] = [
        Mount("/_admin", routes=admin.ROUTES),
        Mount("/api/v3", routes=api.ROUTES),
    ]
    servers = [
        Server(_app(world, api_routes, "api"), api_socket),
        Server(_app(world, [*cdn.ROUTES], "cdn"), cdn_socket),
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.run_until(world.stopping))
            for server in servers:
                await server.listening.wait()
            on_ready(
                Ready(
                    provider_url=world.origin,
                    provider_admin_url=f"{world.origin}/_admin",
                    cdn_url=world.cdn_origin,
                    pid=os.getpid(),
                )
            )
            await stop.wait()
            world.stopping.set()
    finally:
        await world.close()
