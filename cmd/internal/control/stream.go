package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// contentLines is the media type of one JSON object a line.
const contentLines = "application/x-ndjson"

func (s *Server) postMessages(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && kind == contentLines {
		s.postBatch(w, r)
		return
	}
	var out Outgoing
	if err := readBody(w, r, &out); err != nil {
		writeError(w, err)
		return
	}
	if err := out.check(); err != nil {
		writeError(w, err)
		return
	}
	result := s.node.Send(r.Context(), []Outgoing{out})[0]
	answer(w, http.StatusCreated, result.Message, result.Err)
}

func (o Outgoing) check() error {
	if o.To == "" && o.ReplyTo == "" {
		return Errorf(CodeUsage, `say to whom, as in {"to":"Anna","text":"hello"}`)
	}
	return checkText(o.Text)
}

func checkText(text string) error {
	switch {
	case text == "":
		return Errorf(CodeUsage, "there is no text to send")
	case len(text) > TextMax:
		return Errorf(CodeTooLong, "the text has %d bytes; a message holds up to %d", len(text), TextMax)
	}
	return nil
}

// postBatch answers each line with one line, in order, as soon as nothing more is waiting to be read. A wrong line is
// answered with its error and the next one goes on.
func (s *Server) postBatch(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	// The answers begin before the request has ended.
	_ = rc.EnableFullDuplex()
	w.Header().Set("Content-Type", contentLines)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	in := bufio.NewReaderSize(r.Body, 64<<10)
	if rc.Flush() != nil {
		return
	}
	for {
		lines, readErr := readLines(in)
		for _, answer := range s.sendLines(r, lines) {
			if encode(w, answer) != nil {
				return
			}
		}
		if rc.Flush() != nil || readErr != nil {
			return
		}
	}
}

// line is one line of a batch, or why it is not one.
type line struct {
	out Outgoing
	err error
}

// readLines waits for one line and takes with it what has arrived, up to batchMax. Blank lines do not count.
func readLines(in *bufio.Reader) ([]line, error) {
	var lines []line
	for len(lines) < batchMax && (len(lines) == 0 || wholeLine(in)) {
		raw, tooLong, err := readLine(in)
		if raw = bytes.TrimSpace(raw); tooLong || len(raw) > 0 {
			lines = append(lines, parseLine(raw, tooLong))
		}
		if err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// wholeLine tells that the next line can be read without waiting.
func wholeLine(in *bufio.Reader) bool {
	waiting, _ := in.Peek(in.Buffered())
	return bytes.IndexByte(waiting, '\n') >= 0
}

// readLine reads to the end of the line and forgets what is longer than bodyMax.
func readLine(in *bufio.Reader) (raw []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(raw)+len(part) > bodyMax; tooLong {
			raw = nil
		} else {
			raw = append(raw, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, tooLong, err
		}
	}
}

func parseLine(raw []byte, tooLong bool) line {
	if tooLong {
		return line{err: Errorf(CodeTooLong, "the line is longer than %d bytes", bodyMax)}
	}
	var l line
	if l.err = parseObject(raw, &l.out); l.err == nil {
		l.err = l.out.check()
	}
	return l
}

// sendLines sends the good lines together and gives each line its answer: a Message or an errorBody.
func (s *Server) sendLines(r *http.Request, lines []line) []any {
	batch := make([]Outgoing, 0, len(lines))
	for _, l := range lines {
		if l.err == nil {
			batch = append(batch, l.out)
		}
	}
	var results []SendResult
	if len(batch) > 0 {
		results = s.node.Send(r.Context(), batch)
	}
	answers := make([]any, len(lines))
	for i, l := range lines {
		if l.err == nil {
			l.err = results[0].Err
			answers[i], results = results[0].Message, results[1:]
		}
		if l.err != nil {
			answers[i] = errorBody{AsError(l.err)}
		}
	}
	return answers
}

// getEvents answers with events until the reader goes away or stopping ends.
func (s *Server) getEvents(stopping context.Context) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(stopping, cancel)()
		since, err := parseSince(r)
		if err != nil {
			writeError(w, err)
			return
		}
		events, err := s.node.Events(ctx, since)
		if err != nil {
			writeError(w, err)
			return
		}
		writeEvent, kind := writeServerSent, "text/event-stream"
		if strings.Contains(r.Header.Get("Accept"), contentLines) {
			writeEvent, kind = writeEventLine, contentLines
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
		rc := http.NewResponseController(w)
		if rc.Flush() != nil {
			return
		}
		for e, err := range events {
			if err != nil || writeEvent(w, e) != nil || rc.Flush() != nil {
				return
			}
		}
	}
}

// parseSince finds the cursor in Last-Event-ID, which a browser that comes back sends beside its first address, or in the
// query. Neither is nil: from now on.
func parseSince(r *http.Request) (*int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("since")
	}
	if text == "" {
		return nil, nil
	}
	since, err := strconv.ParseInt(text, 10, 64)
	if err != nil || since < 0 {
		return nil, Errorf(CodeUsage, "since is the cursor of an event, or 0 for all there is; not %q", text)
	}
	return &since, nil
}

func writeEventLine(w io.Writer, e Event) error { return encode(w, e) }

func writeServerSent(w io.Writer, e Event) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: ", e.Cursor, e.Event)
	if err := encode(&b, e); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}
