"""Pirushka for Python programs.

`Pirushka` runs `pirushka rpc`, which joins the engine of a profile or starts one, and calls it. Every method of the engine
is a method here, with the parameters and answers that `pirushka rpc --openrpc` describes (`methods.py` is made from it).

    from pirushka import Pirushka

    with Pirushka() as me:
        me.send(who="bob", text="hello", wait="delivered")
"""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from concurrent.futures import Future
from typing import Any, Iterator

from .methods import EventView, Methods, Since

__all__ = ["Pirushka", "PirushkaError"]


# The longest line that `pirushka rpc` takes, bytes.
_LINE_MAX = 512 * 1024
# Words for the numbers of JSON-RPC; what goes wrong in Pirushka has its own word.
_WORDS = {-32009: "busy", -32601: "no_such_method"}


class PirushkaError(Exception):
    """What went wrong: `code` is a stable word such as "no_such_contact", `remedy` what helps."""

    def __init__(self, message: str, code: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


class Pirushka(Methods):
    """A connection to the engine of one profile, to be closed. Its methods may be called from several threads."""

    def __init__(self, profile: str | None = None, program: str = "pirushka") -> None:
        command = [program, *(["--profile", profile] if profile else []), "rpc"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Future[Any], _Events | None]] = {}
        self._events: _Events | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Pirushka:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection when everything asked for is answered. The engine goes on."""
        assert self._process.stdin
        with self._lock:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass  # It has ended by itself.
        self._process.wait()
        self._reader.join()

    def events(self, since: Since = "now") -> Iterator[EventView]:
        """What happens from `since` on ("now", "unseen" or {"cursor": N}), until the engine is stopped. Whoever asks again
        takes the place of who asked before. PirushkaError if no engine can be had any more."""
        events: _Events = queue.SimpleQueue()
        self._ask("subscribe", {"from": since}, events)
        return _told(events)

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """The answer to one call; PirushkaError if it was not done."""
        return self._ask(method, params, None)

    def _ask(self, method: str, params: dict[str, Any], events: _Events | None) -> Any:
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            line = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"
            if len(line) > _LINE_MAX:
                raise PirushkaError(f"{method}: {len(line)} bytes at once; at most {_LINE_MAX}", "bad_input")
            if self._ended:
                raise _gone()
            self._waiting[number] = answer, events
            assert self._process.stdin
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                del self._waiting[number]
                raise _gone() from None
        return answer.result()

    def _read(self) -> None:
        assert self._process.stdout
        try:
            for line in self._process.stdout:
                self._hear(json.loads(line))
        finally:
            with self._lock:
                self._ended = True
                left, self._waiting = self._waiting, {}
            for answer, _ in left.values():
                answer.set_exception(_gone())
            if self._events:
                self._events.put(None)

    def _hear(self, said: dict[str, Any]) -> None:
        if "method" in said:
            if self._events:
                self._events.put(said["params"])
            return
        waiting = self._waiting.pop(said["id"], None)
        if waiting is None:
            return
        answer, events = waiting
        if "error" in said:
            answer.set_exception(_error(said["error"]))
            return
        if events is not None:
            before, self._events = self._events, events
            if before:
                before.put(_REPLACED)
        answer.set_result(said["result"])


_Events = queue.SimpleQueue[Any]
_REPLACED: Any = {"event": "replaced"}


def _told(events: _Events) -> Iterator[EventView]:
    while (event := events.get()) is not None:
        if event["event"] == "broken":
            raise PirushkaError(event["text"], event["code"], event["remedy"])
        if event is _REPLACED:
            return
        yield event
        if event["event"] == "stopping":
            return
    raise _gone()


def _error(said: dict[str, Any]) -> PirushkaError:
    data = said.get("data") or {}
    word = data.get("code") or _WORDS.get(said["code"], "bad_input")
    return PirushkaError(said["message"], word, data.get("remedy"))


def _gone() -> PirushkaError:
    return PirushkaError("`pirushka rpc` has ended", "engine")
