"""The attacks of benchmarks/attack.py."""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable

from benchmarks import hostile_bodies as bodies
from benchmarks.attacked import GRPC_PATH, JSON, PATH, PROTOBUF, Target, post

GZIP = {"Content-Encoding": "gzip"}
_PATIENCE_S = 5.0

Attack = Callable[[Target, Callable[[], bool]], Counter[str]]


def posting(body: Callable[[], bytes], kind: str, *, senders: int = 4, **headers: str) -> Attack:
    """Sends a body again and again, from several senders at once."""

    def attack(target: Target, until: Callable[[], bool]) -> Counter[str]:
        answers: Counter[str] = Counter()
        content = body()

        def send() -> None:
            while not until():
                answers[str(post(target.http_port, content, kind, _PATIENCE_S, **headers) or "gave up")] += 1

        _at_once([send] * senders)
        return answers

    return attack


def stalling(body: Callable[[], bytes], kind: str, *, senders: int, **headers: str) -> Attack:
    """Sends a body but for its last byte, and waits."""

    def attack(target: Target, until: Callable[[], bool]) -> Counter[str]:
        content = body()
        lines = {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": str(len(content)), **headers}
        head = f"POST {PATH} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return _holding(target.http_port, [head.encode() + b"\r\n", content[:-1]], senders, until)

    return attack


def heading(target: Target, until: Callable[[], bool]) -> Counter[str]:
    """Sends requests without their bodies, and waits."""
    lines = f"Host: 127.0.0.1\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 1000000\r\n\r\n"
    return _holding(target.http_port, [f"POST {PATH} HTTP/1.1\r\n{lines}".encode()], 300, until)


def connecting(port: Callable[[Target], int], *words: bytes) -> Attack:
    """Opens connections, and says nothing more."""
    return lambda target, until: _holding(port(target), list(words), 600, until)


def _holding(port: int, said: list[bytes], number: int, until: Callable[[], bool]) -> Counter[str]:
    answers: Counter[str] = Counter()
    held: list[socket.socket] = []

    def hold() -> None:
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            held.append(connection)
            for each in said:
                connection.sendall(each)
        except OSError:
            answers["closed"] += 1

    _at_once([hold] * number, at_a_time=32)
    while not until():
        time.sleep(0.1)
    for connection in held:
        connection.settimeout(0.01)
        try:
            answer = connection.recv(100)
            is_http_1 = answer.startswith(b"HTTP/1.1 ")
            answers[answer[9:12].decode() if is_http_1 else "answered" if answer else "closed"] += 1
        except TimeoutError:
            answers["held"] += 1
        except OSError:
            answers["closed"] += 1
        connection.close()
    return answers


def calling(message: Callable[[], bytes], *, packed: bool, stall: bool, senders: int = 8) -> Attack:
    """Calls over gRPC, in HTTP/2 by hand; where it stalls, but for the last byte of the message."""

    def attack(target: Target, until: Callable[[], bool]) -> Counter[str]:
        answers: Counter[str] = Counter()
        content = message()
        framed = bytes((packed,)) + struct.pack(">I", len(content)) + content

        def call() -> None:
            while not until():
                try:
                    with socket.create_connection(("127.0.0.1", target.grpc_port), timeout=5) as connection:
                        answers[_call(connection, framed[:-1] if stall else framed, packed, until)] += 1
                except OSError:
                    answers["closed"] += 1

        _at_once([call] * senders)
        return answers

    return attack


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")


def _call(connection: socket.socket, content: bytes, packed: bool, until: Callable[[], bool]) -> str:
    def header(name: str, value: str) -> bytes:
        return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()

    names = {":method": "POST", ":scheme": "http", ":path": GRPC_PATH, ":authority": "localhost", "te": "trailers",
             "content-type": "application/grpc", **({"grpc-encoding": "gzip"} if packed else {})}  # fmt: skip
    connection.sendall(_PREFACE)
    connection.sendall(_frame(1, 4, 1, b"".join(header(name, value) for name, value in names.items())))
    windows, received, sent = {0: 65_535, 1: 65_535}, b"", 0
    connection.settimeout(0.2)
    while not until():
        while sent < len(content) and (room := min(16_384, len(content) - sent, *windows.values())) > 0:
            is_last = sent + room == len(content)
            connection.sendall(_frame(0, int(is_last), 1, content[sent : sent + room]))
            sent += room
            windows = {stream: left - room for stream, left in windows.items()}
        try:
            received += (more := connection.recv(65_536))
        except TimeoutError:
            continue
        if not more:
            return "closed"
        while len(received) >= 9 and len(received) >= 9 + (size := int.from_bytes(received[:3], "big")):
            kind, flags, stream = received[3], received[4], int.from_bytes(received[5:9], "big")
            payload, received = received[9 : 9 + size], received[9 + size :]
            if kind == 8 and stream in windows:
                windows[stream] += int.from_bytes(payload, "big")
            elif kind == 4 and not flags & 1:
                for at in range(0, size, 6):
                    if payload[at : at + 2] == b"\x00\x04":
                        windows[1] += int.from_bytes(payload[at + 2 : at + 6], "big") - 65_535
                connection.sendall(_frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                connection.sendall(_frame(6, 1, 0, payload))
            elif kind in (3, 7) or (kind == 1 and flags & 1):
                return "answered"
    return "held"


def _at_once(calls: list[Callable[[], None]], at_a_time: int = 1000) -> None:
    for begin in range(0, len(calls), at_a_time):
        threads = [threading.Thread(target=call, daemon=True) for call in calls[begin : begin + at_a_time]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)


ATTACKS: dict[str, Attack] = {
    "nothing": posting(bytes, PROTOBUF, senders=0),
    "2 million empty spans, gzip": posting(bodies.empty_spans, PROTOBUF, **GZIP),
    "8 million empty events in a span, gzip": posting(bodies.empty_events, PROTOBUF, **GZIP),
    "1.8 million attributes in 60 spans, gzip": posting(bodies.many_attributes, PROTOBUF, **GZIP),
    "a resource of 1 MiB and 90,000 spans, gzip": posting(bodies.repeated_resource, PROTOBUF, **GZIP),
    "8 million empty resources, gzip": posting(bodies.empty_resources, PROTOBUF, **GZIP),
    "30 million unknown fields, gzip": posting(bodies.small_fields, PROTOBUF, **GZIP),
    "31 MiB of honest spans, at once": posting(bodies.full_protobuf, PROTOBUF, senders=6),
    "20 million empty objects of JSON, gzip": posting(bodies.empty_objects, JSON, **GZIP),
    "400,000 empty spans of JSON, gzip": posting(bodies.dense_json, JSON, **GZIP),
    "values of JSON at the limit": posting(bodies.json_at_the_limit, JSON, senders=8),
    "8 MiB of JSON with an emoji": posting(bodies.wide_json, JSON, senders=8),
    "4 spans of 8 MiB with an emoji": posting(bodies.wide_protobuf, PROTOBUF, senders=8),
    "a span of 31 MiB with an emoji": posting(bodies.one_wide_span, PROTOBUF, senders=8),
    "400,000 lists of JSON in each other": posting(bodies.deep_json, JSON),
    "2 GiB of zeros, gzip": posting(bodies.bomb, PROTOBUF, **GZIP),
    "24 stalled bodies, gzip": stalling(bodies.packed_zeros, PROTOBUF, senders=24, **GZIP),
    "24 stalled bodies of 31 MiB": stalling(bodies.full_protobuf, PROTOBUF, senders=24),
    "300 bodies that never come": heading,
    "600 silent connections": connecting(lambda target: target.http_port),
    "gRPC: 600 silent connections": connecting(lambda target: target.grpc_port),
    "gRPC: 600 connections without a call": connecting(lambda target: target.grpc_port, _PREFACE),
    "gRPC: 2 million empty spans, gzip": calling(bodies.empty_spans, packed=True, stall=False),
    "gRPC: 2 GiB of zeros, gzip": calling(bodies.bomb, packed=True, stall=False),
    "gRPC: 24 stalled messages of 8 MiB": calling(bodies.large_message, packed=False, stall=True, senders=24),
}
"""By what is sent."""


def all_at_once(target: Target, until: Callable[[], bool]) -> Counter[str]:
    """All the others, at the same time."""
    answers: Counter[str] = Counter()
    _at_once([lambda each=each: answers.update(each(target, until)) for each in list(ATTACKS.values())])  # type: ignore[misc]
    return answers
