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


class PirushkaError(Exception):
    """What went wrong: `code` is a stable word such as "no_such_contact", `remedy` what helps."""

    def __init__(self, message: str, code: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


class Pirushka(Methods):
    """A connection to the engine of one profile. Its methods may be called from several threads."""

    def __init__(self, profile: str | None = None, program: str = "pirushka") -> None:
        command = [program, *(["--profile", profile] if profile else []), "rpc"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._events: queue.SimpleQueue[EventView | None] = queue.SimpleQueue()
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
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended by itself.
        self._process.wait()
        self._reader.join()

    def events(self, since: Since = "now") -> Iterator[EventView]:
        """What happens from `since` on ("now", "unseen" or {"cursor": N}), until the engine stops."""
        self.subscribe(from_=since)
        while (event := self._events.get()) is not None:
            yield event
            if event["event"] in ("stopping", "broken"):
                return

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """The answer to one call; PirushkaError if it was not done."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._ended:
                raise PirushkaError("`pirushka rpc` has ended", "engine")
            number = next(self._numbers)
            self._waiting[number] = answer
            line = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            assert self._process.stdin
            try:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                del self._waiting[number]
                raise PirushkaError("`pirushka rpc` has ended", "engine") from None
        return answer.result()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            if "method" in said:
                self._events.put(said["params"])
            elif (answer := self._waiting.pop(said["id"], None)) is not None:
                self._settle(answer, said)
        with self._lock:
            self._ended = True
            left, self._waiting = self._waiting, {}
        for answer in left.values():
            answer.set_exception(PirushkaError("`pirushka rpc` has ended", "engine"))
        self._events.put(None)

    @staticmethod
    def _settle(answer: Future[Any], said: dict[str, Any]) -> None:
        if "error" not in said:
            return answer.set_result(said["result"])
        data = said["error"].get("data") or {}
        error = PirushkaError(said["error"]["message"], data.get("code", "bad_input"), data.get("remedy"))
        return answer.set_exception(error)
