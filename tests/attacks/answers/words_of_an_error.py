"""Its error holds lone surrogates, terminal escapes, HTML and Markdown, for terminals, logs and reports."""

import json
import framing
import wire

_pack = wire.pack


def pack(message):
    if message.get("value") or "error" in message:
        words = "\ud800\x1b[2J\x1b]0;owned\x07<script>alert(1)</script> @everyone ![x](http://127.0.0.1/x.png) | a |\r\nPASS\u202e"
        error = {"type": words, "message": words, "line": 1, "text": words}
        text = json.dumps({"nonce": message["nonce"], "error": error}).encode()
        return framing.HEADER.pack(framing.MAGIC, len(text), 0) + text
    return _pack(message)


wire.pack = pack
