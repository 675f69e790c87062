"""A bot that says back what it hears: `PYTHONPATH=python python3 examples/echo.py`."""

from pirushka import Pirushka

with Pirushka() as me:
    for event in me.events("unseen"):
        message = event.get("message")
        if event["event"] != "message" or message["outgoing"] or message["body"]["kind"] != "text":
            continue
        me.send(who=message["fingerprint"], text=message["body"]["text"])
        # Until here it is told again, whatever dies.
        me.mark_seen(who=message["fingerprint"], up_to=message["id"])
