package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Server puts a Node on HTTP/1.1. It keeps nothing of its own.
type Server struct {
	node    Node
	version string
}

// NewServer makes a server for node; version is what GET /v1/version tells.
func NewServer(node Node, version string) *Server {
	return &Server{node: node, version: version}
}

// Run serves on l until ctx ends, then ends the event streams, lets the other requests end for two seconds, and closes l.
func (s *Server) Run(ctx context.Context, l net.Listener) error { return serve(ctx, l, s.Routes(ctx)) }

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerMax,
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err := srv.Shutdown(grace)
		if err != nil {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(l)
	if stop() {
		return errors.Join(err, srv.Close())
	}
	if stopErr := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, stopErr)
	}
	return nil
}

// Routes is the whole interface as a handler; its event streams end with ctx. docs/openapi.json describes it.
func (s *Server) Routes(ctx context.Context) http.Handler { return handler(s.routes(ctx)) }

func handler(routes map[string]http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, Errorf(CodeNotFound, "there is no %s %s in this interface; see docs/control-api.md", r.Method, r.URL.Path))
	})
	return mux
}

func (s *Server) routes(ctx context.Context) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /v1/version":                      getVersion(s.version),
		"GET /v1/me":                           s.getMe,
		"PATCH /v1/me":                         s.patchMe,
		"GET /v1/status":                       s.getStatus,
		"GET /v1/nearby":                       people(s.node.Nearby),
		"POST /v1/scan":                        s.postScan,
		"GET /v1/contacts":                     people(s.node.Contacts),
		"POST /v1/contacts":                    s.postContacts,
		"GET /v1/contacts/{who}":               decide(s.node.Contact),
		"PATCH /v1/contacts/{who}":             s.patchContact,
		"DELETE /v1/contacts/{who}":            decide(s.node.Remove),
		"POST /v1/contacts/{who}/block":        decide(s.node.Block),
		"POST /v1/contacts/{who}/unblock":      decide(s.node.Unblock),
		"POST /v1/contacts/{who}/reset":        decide(s.node.Reset),
		"POST /v1/contacts/{who}/reset/accept": decide(s.node.PermitReset),
		"POST /v1/introductions":               s.postIntroductions,
		"POST /v1/invites":                     s.postInvites,
		"GET /v1/invites":                      s.getInvites,
		"DELETE /v1/invites/{id}":              s.deleteInvite,
		"GET /v1/requests":                     people(s.node.Requests),
		"POST /v1/requests/{who}/accept":       decide(s.node.Accept),
		"POST /v1/requests/{who}/decline":      decide(s.node.Decline),
		"POST /v1/messages":                    s.postMessages,
		"GET /v1/messages/{id}":                s.getMessage,
		"PATCH /v1/messages/{id}":              s.patchMessage,
		"DELETE /v1/messages/{id}":             s.deleteMessage,
		"GET /v1/messages/{id}/journey":        s.getJourney,
		"POST /v1/messages/{id}/read":          s.postRead("id"),
		"GET /v1/conversations":                s.getConversations,
		"GET /v1/conversations/{to}/messages":  s.getLog,
		"POST /v1/conversations/{to}/read":     s.postRead("to"),
		"POST /v1/conversations/{to}/typing":   s.postTyping,
		"GET /v1/search":                       s.getSearch,
		"GET /v1/retention":                    s.getRetention,
		"PUT /v1/retention":                    s.putRetention,
		"GET /v1/visibility":                   s.getVisibility,
		"PUT /v1/visibility":                   s.putVisibility,
		"GET /v1/local-only":                   s.getLocalOnly,
		"PUT /v1/local-only":                   s.putLocalOnly,
		"GET /v1/communities":                  s.getCommunities,
		"POST /v1/communities":                 s.postCommunities,
		"DELETE /v1/communities/{community}":   s.deleteCommunity,
		"GET /v1/events":                       s.getEvents(ctx),
		"GET /v1/conversations/{to}/export":    s.getExport,
		"POST /v1/backup":                      s.postBackup,
		"GET /v1/diagnostics":                  s.getDiagnostics,
		"GET /v1/doctor":                       s.getDoctor,
		"PUT /v1/passphrase":                   s.putPassphrase,
		"POST /v1/down":                        s.postDown,

		"PUT /v1/messages/{id}/reactions/{emoji}":    s.react(true),
		"DELETE /v1/messages/{id}/reactions/{emoji}": s.react(false),

		"GET /v1/contacts/{who}/verification":          s.getVerification,
		"POST /v1/contacts/{who}/verification/compare": s.postCompare,
		"POST /v1/contacts/{who}/verification/decide":  s.postDecide,
	}
}

func getVersion(version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, Version{Version: version, API: 1})
	}
}

func (s *Server) getMe(w http.ResponseWriter, r *http.Request) {
	me, err := s.node.Me(r.Context())
	answer(w, http.StatusOK, me, err)
}

// meBody is the request of PATCH /v1/me: what is to change.
type meBody struct {
	Name  string `json:"name,omitempty"`
	Share Share  `json:"share,omitempty"`
}

func (s *Server) patchMe(w http.ResponseWriter, r *http.Request) {
	var body meBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body == (meBody{}) {
		writeError(w, Errorf(CodeUsage, `say what to change, as in {"name":"Anna"} or {"share":"nothing"}`))
		return
	}
	var me Me
	var err error
	if body.Share != "" {
		me, err = s.node.SetShare(r.Context(), body.Share)
	}
	if err == nil && body.Name != "" {
		me, err = s.node.SetName(r.Context(), body.Name)
	}
	answer(w, http.StatusOK, me, err)
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) {
	status, err := s.node.Status(r.Context())
	answer(w, http.StatusOK, status, err)
}

// peopleList is the answer of the routes that list people.
type peopleList struct {
	People []Person `json:"people"`
}

func people(list func(context.Context) ([]Person, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := list(r.Context())
		if found == nil {
			found = []Person{}
		}
		answer(w, http.StatusOK, peopleList{found}, err)
	}
}

// whoBody is the request of POST /v1/contacts.
type whoBody struct {
	Who string `json:"who"`
}

func (s *Server) postContacts(w http.ResponseWriter, r *http.Request) {
	var body whoBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Who == "" {
		writeError(w, Errorf(CodeUsage, `say who, as in {"who":"Anna"}`))
		return
	}
	p, err := s.node.Add(r.Context(), body.Who)
	answer(w, http.StatusAccepted, p, err)
}

func decide(act func(context.Context, string) (Person, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := act(r.Context(), r.PathValue("who"))
		answer(w, http.StatusOK, p, err)
	}
}

func (s *Server) getMessage(w http.ResponseWriter, r *http.Request) {
	m, err := s.node.Message(r.Context(), r.PathValue("id"))
	answer(w, http.StatusOK, m, err)
}

// overviewList is the answer of GET /v1/conversations.
type overviewList struct {
	Conversations []Overview `json:"conversations"`
}

func (s *Server) getConversations(w http.ResponseWriter, r *http.Request) {
	found, err := s.node.Conversations(r.Context())
	if found == nil {
		found = []Overview{}
	}
	answer(w, http.StatusOK, overviewList{found}, err)
}

// messageList is the answer of GET /v1/conversations/{to}/messages.
type messageList struct {
	Messages []Message `json:"messages"`
}

func (s *Server) getLog(w http.ResponseWriter, r *http.Request) {
	q, err := parseLogQuery(r.URL.Query())
	if err != nil {
		writeError(w, err)
		return
	}
	found, err := s.node.Log(r.Context(), r.PathValue("to"), q)
	if found == nil {
		found = []Message{}
	}
	answer(w, http.StatusOK, messageList{found}, err)
}

func parseLogQuery(values map[string][]string) (LogQuery, error) {
	var q LogQuery
	for key, vs := range values {
		var err error
		v := vs[len(vs)-1]
		switch key {
		case "n":
			if q.N, err = strconv.Atoi(v); err != nil || q.N < 0 {
				return q, Errorf(CodeUsage, "n is how many messages, 0 for all; not %q", v)
			}
		case "first":
			if q.First, err = strconv.Atoi(v); err != nil || q.First < 0 {
				return q, Errorf(CodeUsage, "first is how many messages, 0 for all; not %q", v)
			}
		case "after":
			q.After = v
		case "before":
			q.Before = v
		case "since":
			if q.Since, err = time.Parse(time.RFC3339, v); err != nil {
				return q, Errorf(CodeUsage, "since is a time such as 2026-11-22T18:00:00Z; not %q", v)
			}
		default:
			return q, Errorf(CodeUsage, "there is no parameter %q here; there are n, first, after, before and since", key)
		}
	}
	return q, nil
}

func (s *Server) postDown(w http.ResponseWriter, r *http.Request) {
	if err := s.node.Down(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readBody reads one JSON object of at most bodyMax bytes with no field that v does not know.
func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	// A connection that cannot have a deadline is one of a test's.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return Errorf(CodeTooLong, "the request is longer than %d bytes", bodyMax)
	}
	if err != nil {
		return Errorf(CodeUsage, "the request did not arrive whole")
	}
	return parseObject(body, v)
}

// parseObject reads exactly one JSON object.
func parseObject(line []byte, v any) error {
	if !utf8.Valid(line) {
		return Errorf(CodeUsage, "the request is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Errorf(CodeUsage, "not the JSON object wanted here: %s", explainJSON(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Errorf(CodeUsage, "more than one JSON object where one is wanted")
	}
	return nil
}

// explainJSON says what is wrong with some JSON without names of Go types in it.
func explainJSON(err error) string {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		if wrong.Field == "" {
			return fmt.Sprintf("it is a JSON %s", wrong.Value)
		}
		return fmt.Sprintf("%q is a JSON %s", wrong.Field, wrong.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// errorBody is the answer of every request that failed, and the line of a batch that did.
type errorBody struct {
	Error *Error `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	write(w, status, v)
}

func writeError(w http.ResponseWriter, err error) {
	e := AsError(err)
	write(w, e.Status(), errorBody{e})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Whoever asked may be gone; there is nobody to tell.
	_ = encode(w, v)
}

// encode writes v as one line of JSON.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
