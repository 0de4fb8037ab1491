"""Subscribes to everything in mode `latest`, and prints how old values are when they arrive.

    python3 scripts/slow_link.py HOST PORT json|bincode SECONDS WARM_UP_SECONDS LABEL

Values that arrive in the first WARM_UP_SECONDS do not count. The snapshot never does, because it
may be of any age.

Both clocks must be the same: run it on the server's machine. It uses no code of the project.
"""

import base64
import json
import os
import socket
import sys
import time


class Bincode:
    """Reads what docs/protocol.md describes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self):
        first = self.take(1)[0]
        extra = {251: 2, 252: 4, 253: 8}.get(first)
        return first if extra is None else int.from_bytes(self.take(extra), "little")

    def signed(self):
        number = self.number()
        return (number >> 1) ^ -(number & 1)

    def text(self):
        return self.take(self.number())

    def decimal(self):
        self.signed()
        self.take(1)

    def optional(self, read):
        if self.take(1)[0]:
            read()

    def value(self):
        kind = self.number()
        if kind == 0:
            self.take(8)
        elif kind == 1:
            self.decimal()
            self.decimal()
            self.optional(self.number)
        elif kind == 2:
            for _ in range(4):
                self.optional(self.decimal)
        else:
            self.text()

    def batch(self):
        """Times at which the live updates of a batch came to the server, in ns."""
        if self.number() != 2:
            return []
        _channel, _from, _to = self.number(), self.number(), self.number()
        is_snapshot = self.take(1)[0]
        for _ in range(self.number()):
            self.number()
            self.text()
            # Unit, name, state class.
            for _ in range(3):
                self.optional(self.text)
        times = []
        for _ in range(self.number()):
            _topic, _position, _seq = self.number(), self.number(), self.number()
            self.optional(self.signed)
            times.append(self.signed())
            self.number()
            self.value()
        return [] if is_snapshot else times


def times_of_json(payload):
    message = json.loads(payload)
    if message["type"] != "batch" or message["snapshot"]:
        return []
    return [int(update["ingest_time_ns"]) for update in message["updates"]]


def send(stream, opcode, payload):
    # All requests are short, and a mask of zeros is a mask.
    stream.sendall(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


def connect(host, port, encoding):
    stream = socket.create_connection((host, port))
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Protocol: tickcast.v1.{encoding}\r\n\r\n".encode()
    )
    received = b""
    while b"\r\n\r\n" not in received:
        received += stream.recv(4096)
    if encoding == "json":
        send(stream, 1, b'{"type":"subscribe","id":1,"filters":["#"],"mode":"latest"}')
    else:
        send(stream, 2, bytes([0, 1, 1, 1]) + b"#" + bytes([0, 1, 0]))
    return stream, bytearray(received.split(b"\r\n\r\n", 1)[1])


def frames(buffer):
    """Takes all whole frames out of the buffer."""
    while len(buffer) >= 2:
        length, header = buffer[1] & 127, 2
        if length == 126:
            header = 4
        elif length == 127:
            header = 10
        if len(buffer) < header:
            return
        if header > 2:
            length = int.from_bytes(buffer[2:header], "big")
        if len(buffer) < header + length:
            return
        opcode, payload = buffer[0] & 15, bytes(buffer[header : header + length])
        del buffer[: header + length]
        yield opcode, payload


def main(host, port, encoding, seconds, warm_up, label):
    stream, buffer = connect(host, int(port), encoding)
    start, ages, count = time.time(), [], 0
    while time.time() < start + float(seconds):
        received = stream.recv(65536)
        if not received:
            sys.exit("the server closed the connection")
        buffer += received
        count += len(received)
        for opcode, payload in frames(buffer):
            now = time.time()
            if opcode == 9:
                send(stream, 10, payload)
            elif opcode in (1, 2) and now > start + float(warm_up):
                times = times_of_json(payload) if opcode == 1 else Bincode(payload).batch()
                ages.extend(now - then / 1e9 for then in times)
    ages.sort()
    if not ages:
        sys.exit("no value arrived")
    print(
        f"{label}, {encoding}: {len(ages)} values, age {ages[len(ages) // 2]:.3f} s (median), "
        f"{ages[len(ages) * 99 // 100]:.3f} s (p99), {count / float(seconds):.0f} bytes/s",
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
