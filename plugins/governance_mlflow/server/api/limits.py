"""How much one request may send: what is longer is not read to its end."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException
from starlette.responses import JSONResponse

from governance_mlflow.callers.arriving import AsgiApp, Scope
from governance_mlflow.server.mounting import MAX_BODY

TOO_LONG = f"The request is longer than {MAX_BODY:,} bytes. Send facts, never records or model files."


class BodyLimit:
    """An ASGI middleware that answers 413 to a longer body, whether its length was declared or not."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve a request of bearable length."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > MAX_BODY:
            refusal = JSONResponse({"error_code": "BAD_REQUEST", "message": TOO_LONG}, 413)
            await refusal(scope, receive, send)
            return
        read = 0

        async def counted() -> Any:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise HTTPException(413, TOO_LONG)
            return message

        await self._app(scope, counted, send)
