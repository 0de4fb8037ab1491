"""What the Python package `websockets` sees of a server, whose address is the argument."""

import json
import sys
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

ADDRESS = sys.argv[1]

# Longer than the server waits for the answer to its pings.
IDLE_S = float(sys.argv[2])


def opened(path, **options):
    return connect(f"ws://{ADDRESS}{path}", proxy=None, **options)


def next_json(socket, wanted):
    while True:
        message = socket.recv(timeout=30)
        assert isinstance(message, str), message
        message = json.loads(message)
        if message["type"] == wanted:
            return message


def check_close(socket, code, reason):
    """The server answers a close frame with its own code."""
    socket.close(code, reason)
    assert socket.close_code == code, socket.close_code


def check_closed(socket, code):
    """The server closes."""
    try:
        while True:
            socket.recv(timeout=30)
    except ConnectionClosed as closed:
        assert closed.rcvd.code == code, closed
        assert closed.rcvd.reason != "", closed


def subscribes_and_publishes(subprotocols, granted):
    socket = opened("/ws", subprotocols=subprotocols)
    assert socket.subprotocol == granted, socket.subprotocol
    next_json(socket, "welcome")
    topic = f"python/{granted}"
    request = {"type": "subscribe", "id": 1, "filters": [topic], "mode": "every"}
    # In fragments.
    text = json.dumps(request)
    socket.send([text[:5], text[5:6], "", text[6:]])
    channel = next_json(socket, "subscribed")["results"][0]["channel"]
    values = [
        {"trade": {"price": "39432.480", "size": "0.000263", "side": "sell"}},
        {"reading": 21.5},
        {"text": "Grüße 🎉"},
        {"bytes": "AP8K"},
    ]
    updates = [{"topic": topic, "value": value} for value in values]
    socket.send(json.dumps({"type": "publish", "id": 2, "updates": updates}))
    received = []
    while len(received) < len(values):
        batch = next_json(socket, "batch")
        assert batch["channel"] == channel
        received += batch["updates"]
    assert [update["value"] for update in received] == values, received
    assert socket.ping(b"are you there?").wait(30), "no pong"
    socket.send("nonsense")
    assert next_json(socket, "error")["code"] == 100
    check_close(socket, 4321, "seen enough")


def bincode_is_binary():
    socket = opened("/ws", subprotocols=["tickcast.v1.bincode", "tickcast.v1.json"])
    assert socket.subprotocol == "tickcast.v1.bincode"
    welcome = socket.recv(timeout=30)
    assert isinstance(welcome, bytes) and welcome[0] == 0, welcome
    # `list` with id 7, in fragments, and its answer: no subscription.
    socket.send([b"\x04", b"\x07"])
    while (message := socket.recv(timeout=30))[0] != 10:
        assert isinstance(message, bytes)
    assert message == b"\x0a\x07\x00", message
    check_close(socket, 1000, "")


def the_server_closes():
    socket = opened("/ws")
    socket.send(b"binary")
    check_closed(socket, 1003)
    socket = opened("/ws", subprotocols=["tickcast.v1.bincode"])
    socket.send("text")
    check_closed(socket, 1003)
    socket = opened("/ws")
    socket.send("x" * 65_537)
    check_closed(socket, 1009)


def unknown_subprotocol_is_refused():
    try:
        opened("/ws", subprotocols=["soap"])
    except InvalidStatus as refused:
        assert refused.response.status_code == 400, refused
    else:
        raise AssertionError("it was not refused")


def echoes():
    socket = opened("/echo")
    binary = bytes(index % 251 for index in range(300_000))
    for message in ["Grüße 🎉", "", binary, b""]:
        socket.send(message)
        assert socket.recv(timeout=30) == message
    socket.send(["Gr", "", "üß", "e"])
    assert socket.recv(timeout=30) == "Grüße"
    socket.send([binary[:70_000], binary[70_000:]])
    assert socket.recv(timeout=30) == binary
    assert socket.ping(b"are you there?").wait(30), "no pong"
    check_close(socket, 3000, "seen enough")


def answers_pings():
    socket = opened("/ws")
    time.sleep(IDLE_S)
    socket.send('{"type":"list","id":3}')
    assert next_json(socket, "subscriptions")["id"] == 3
    check_close(socket, 1001, "")


subscribes_and_publishes(None, None)
subscribes_and_publishes(["tickcast.v1.json"], "tickcast.v1.json")
bincode_is_binary()
the_server_closes()
unknown_subprotocol_is_refused()
echoes()
answers_pings()
print("all is well")
