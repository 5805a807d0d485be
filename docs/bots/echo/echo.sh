#!/bin/sh
# Answers every message with its own text; the file echo.cursor remembers how far it has come.
set -e
since=$(cat echo.cursor 2>/dev/null || echo 0)
sottovoce events --since "$since" | while IFS= read -r event; do
	who=$(printf '%s\n' "$event" | sed -nE 's/.*"event":"message".*"from":\{"id":"([^"]*)".*"contact":true.*/\1/p')
	text=$(printf '%s\n' "$event" | sed -nE 's/.*"text":"(([^"\\]|\\.)*)".*/\1/p' | sed 's/\\"/"/g')
	[ -z "$who" ] || printf '%b\n' "$text" | sottovoce send "$who"
	printf '%s\n' "$event" | sed 's/^{"cursor":\([0-9]*\).*/\1/' >echo.new
	mv echo.new echo.cursor
done
