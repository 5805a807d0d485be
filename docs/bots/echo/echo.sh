#!/bin/sh
# Answers every message with its own text; the file echo.cursor remembers how far it has come.
set -e
since=$(cat echo.cursor 2>/dev/null || true)
rm -f echo.fifo
mkfifo echo.fifo
sottovoce events --since "${since:-0}" >echo.fifo &
events=$!
trap 'kill $events 2>/dev/null || true' EXIT
trap 'exit 1' TERM INT
while IFS= read -r event; do
	who=$(printf '%s\n' "$event" | sed -nE 's/.*"event":"message".*"from":\{"id":"([^"]*)".*"contact":true.*/\1/p')
	case $event in *'"blocked":true'*) who= ;; esac
	text=$(printf '%s\n' "$event" | sed -nE 's/.*"text":"(([^"\\]|\\.)*)".*/\1/p' | sed 's/\\"/"/g')
	# 1 to 4: not this answer, and it has said why; else the node is gone
	[ -z "$who" ] || printf '%b\n' "$text" | sottovoce send "$who" || [ $? -lt 5 ] || exit 5
	printf '%s\n' "$event" | sed 's/^{"cursor":\([0-9]*\).*/\1/' >echo.new
	mv echo.new echo.cursor
done <echo.fifo
wait $events
