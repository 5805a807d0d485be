"""The same as echo.py, by the control API: no other program is started."""

import http.client, json, os, pathlib, socket

def ask(method, path, body=None):
    node = http.client.HTTPConnection("sottovoce")
    node.sock = socket.socket(socket.AF_UNIX)
    node.sock.connect(os.environ["SOTTOVOCE_HOME"] + "/control.sock")
    node.request(method, path, body, {"Accept": "application/x-ndjson"})
    answer = node.getresponse()
    if answer.status >= 300:
        raise SystemExit(answer.read().decode())
    return answer

cursor = pathlib.Path("echo.cursor")
since = cursor.read_text() if cursor.exists() else "0"
for line in ask("GET", "/v1/events?since=" + since):
    event = json.loads(line)
    if event["event"] == "message" and event["message"]["from"]["contact"]:
        message = event["message"]
        ask("POST", "/v1/messages", json.dumps({"to": message["from"]["id"], "text": message["text"]})).read()
    pathlib.Path("echo.new").write_text(str(event["cursor"]))
    os.replace("echo.new", cursor)
