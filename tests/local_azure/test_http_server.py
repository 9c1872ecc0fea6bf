"""What a caller hears when something goes wrong inside."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from local_azure.http_server import Handler, Request, serve_client


async def asked(handler: Handler, path: Path, *requests: bytes) -> list[tuple[str, dict[str, str], Any]]:
    """Send requests over one connection: status line, headers and decoded body of each answer."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_client(reader, writer, handler)
        over.set()

    server = await asyncio.start_unix_server(serve, path)
    reader, writer = await asyncio.open_unix_connection(path)
    answers = []
    for request in requests:
        writer.write(request)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        answers.append((status, headers, json.loads(await reader.readexactly(int(headers["content-length"])))))
    writer.close()
    await over.wait()
    server.close()
    return answers


async def _fails(request: Request) -> Any:
    return {"path": request.parts} if request.parts == ("good",) else 1 // 0


def test_a_fault_of_the_hubs_own_is_answered_with_500_and_the_connection_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = b"GET /bad HTTP/1.1\r\n\r\n", b"GET /good HTTP/1.1\r\n\r\n"
    with caplog.at_level(logging.ERROR):
        failed, answered = asyncio.run(asked(_fails, tmp_path / "api", bad, good))
    status, headers, body = failed
    assert (status, headers["iothub-errorcode"]) == ("HTTP/1.1 500 Internal Server Error", "servererror")
    assert body["Message"].startswith("ErrorCode:ServerError;GET /bad failed")
    assert body["ExceptionMessage"].startswith("Tracking ID:")
    assert answered[0] == "HTTP/1.1 200 OK"
    assert answered[2] == {"path": ["good"]}
    (record,) = caplog.records
    assert "GET /bad" in record.getMessage()
    assert record.exc_info is not None, "the log has the traceback"


@pytest.mark.parametrize("body", [b"[" * 200_000, b"{", b'{"a": NaN}'], ids=["deep", "cut off", "NaN"])
def test_a_body_that_cannot_be_read_is_answered_with_400(tmp_path: Path, body: bytes) -> None:
    request = b"PUT /good HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    ((status, headers, _),) = asyncio.run(asked(_fails, tmp_path / "api", request))
    assert (status, headers["iothub-errorcode"]) == ("HTTP/1.1 400 Bad Request", "argumentinvalid")
