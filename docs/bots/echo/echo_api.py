"""The same as echo.py, by the control API: no other program is started."""

import http.client, json, os, pathlib, socket, sys

def ask(method, path, body=None):
    node = http.client.HTTPConnection("sottovoce")
    node.sock = socket.socket(socket.AF_UNIX)
    node.sock.connect(os.environ["SOTTOVOCE_HOME"] + "/control.sock")
    node.request(method, path, body, {"Accept": "application/x-ndjson"})
    answer = node.getresponse()
    if answer.status >= 300:
        print(answer.read().decode(), file=sys.stderr)
    if answer.status == 503:
        raise ConnectionError("the node is stopping")
    return answer

def echo():
    cursor = pathlib.Path("echo.cursor")
    since = cursor.read_text().strip() if cursor.exists() else ""
    events = ask("GET", "/v1/events?since=" + (since or "0"))
    if events.status >= 300:
        sys.exit(1)
    for line in events:
        event = json.loads(line)
        who = event["message"]["from"] if event["event"] == "message" else {}
        if who.get("contact") and not who.get("blocked"):
            ask("POST", "/v1/messages", json.dumps({"to": who["id"], "text": event["message"]["text"]})).read()
        pathlib.Path("echo.new").write_text(str(event["cursor"]))
        os.replace("echo.new", cursor)

try:
    echo()
except (ConnectionError, FileNotFoundError, http.client.HTTPException) as err:
    print(err, file=sys.stderr)
sys.exit(5)  # no node, or no more
