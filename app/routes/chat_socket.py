"""``/v1/chat/ws``: chat completions over a WebSocket."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, request
from flask_sock import Sock
from simple_websocket import Server
from werkzeug.routing.exceptions import WebsocketMismatch

from app.errors import respond
from app.keys.doors import keys
from app.openai.errors import BadRequest, body_of
from app.origins import origins_of
from app.services import services
from app.socket.connection import Connection
from app.socket.conversation import Conversation
from app.socket.handshake import authorization_of, check_origin

PATH = "/v1/chat/ws"

routes = Blueprint("chat_socket", __name__)


@routes.before_request
def _check_page() -> None:
    check_origin(request.headers, origins_of(services().settings.cors_origins))


@routes.app_errorhandler(WebsocketMismatch)
def _other_protocol(_error: WebsocketMismatch) -> Response:
    """Answer a plain request to a WebSocket's URL, and a handshake anywhere else."""
    if "upgrade" in request.headers.get("Connection", "").lower():
        said = f"{request.path} is no WebSocket: send it a plain request."
    else:
        said = f"{request.path} is a WebSocket: connect with ws:// or wss:// instead."
    return respond(body_of(BadRequest(said, code="wrong_protocol")), 400)


def chat_over_socket(server: Server) -> None:
    """Answer chat completions as chunks, several at once."""
    settings = services().settings
    connection = Connection(server, settings.socket_ping_s)
    who = partial(keys().who, authorization_of(request.headers))
    Conversation(connection, settings, who).run()


Sock().route(PATH, bp=routes)(chat_over_socket)
