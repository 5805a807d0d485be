"""Answers every message with its own text; the file echo.cursor remembers how far it has come."""

import json, os, pathlib, subprocess

cursor = pathlib.Path("echo.cursor")
since = cursor.read_text() if cursor.exists() else "0"
events = subprocess.Popen(["sottovoce", "events", "--since", since], stdout=subprocess.PIPE)
for line in events.stdout:
    event = json.loads(line)
    if event["event"] == "message" and event["message"]["from"]["contact"]:
        message = event["message"]
        subprocess.run(["sottovoce", "send", message["from"]["id"]], input=message["text"] + "\n", encoding="utf-8", check=True)
    pathlib.Path("echo.new").write_text(str(event["cursor"]))
    os.replace("echo.new", cursor)
