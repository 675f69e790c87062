"""A bot that says back what it hears: `PYTHONPATH=python python3 examples/echo.py`."""

from pirushka import Pirushka


def echo(me: Pirushka) -> None:
    for event in me.events("unseen"):
        if event["event"] == "message" and not event["message"]["outgoing"]:
            who, body = event["message"]["fingerprint"], event["message"]["body"]
            if body["kind"] == "text":
                me.send(who=who, text=body["text"])
            me.mark_seen(who=who, up_to=event["message"]["id"])  # Until here it is told again, whatever dies.


with Pirushka() as me:
    echo(me)
