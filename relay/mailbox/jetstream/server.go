package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
)

// server is the cluster, as whichever of its servers answers.
type server struct {
	conn     *nats.Conn
	name     string // of the store
	replicas int
	seal     *seal // of files
	log      *slog.Logger
	denied   atomic.Pointer[string] // the subject that was forbidden last
}

// Errors that callers branch on.
var (
	// errSilent says that no server that could has answered: what was asked for may have happened or not.
	errSilent = errors.New("the servers of the store do not answer; a majority of them must run and reach each other")
	// errOvertaken says that another message is on its way to the place that was meant.
	errOvertaken = errors.New("another process writes at the same place")
	// errNone says that there is no such message, by the word of the server that leads.
	errNone = errors.New("there is no such message")
	// errNoStream says that there is no such stream.
	errNoStream = errors.New("there is no such stream")
)

// errMoved says that another message is the last.
type errMoved struct{ last uint64 }

func (e errMoved) Error() string { return fmt.Sprintf("the log stands at message %d", e.last) }

// apiError is what JetStream answers.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// Codes of JetStream's errors.
const (
	codeResources    = 10002 // of the account
	codeNoPeers      = 10005
	codeNoLeader     = 10008
	codeInsufficient = 10023
	codeStreamsMost  = 10027
	codeMemory       = 10028
	codeNoMessage    = 10037
	codeNoAccount    = 10039
	codeStorage      = 10047
	codeStreamDiffer = 10058
	codeNoStream     = 10059
	codeMoved        = 10071
	codeNoCluster    = 10074
	codeNotEnabled   = 10076
	codeNotStored    = 10077
	codeNoLimits     = 10120 // for so many copies
	codeOvertaken    = 10164 // another message is on its way to the place
	codeIncomplete   = 10176 // a message of the batch is not there
)

func (e *apiError) Error() string { return "JetStream says: " + e.Description }

// meaning says what an error means to us.
func (e *apiError) meaning() error {
	switch e.ErrCode {
	case codeMoved:
		_, last, _ := strings.Cut(e.Description, ": ")
		n, _ := strconv.ParseUint(last, 10, 64)
		return errMoved{n}
	case codeOvertaken:
		return errOvertaken
	case codeNoMessage:
		return errNone
	case codeNoStream:
		return errNoStream
	case codeResources, codeInsufficient, codeStorage, codeMemory, codeNotStored, codeStreamsMost:
		return fmt.Errorf("%w; %w", mailbox.ErrFull, e)
	}
	return fmt.Errorf("%w; %w", errSilent, e)
}

// connect reaches the cluster.
func connect(a address, file string, log *slog.Logger) (*server, error) {
	s := &server{name: a.name, log: log}
	options, err := s.credentials(file)
	if err != nil {
		return nil, err
	}
	options = append(options,
		nats.Name("sottovoce supernode"), nats.Timeout(connectTime), nats.MaxReconnects(-1), nats.ReconnectWait(retryPause), nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),                                       // who lets us in may be changed while we run
		func(o *nats.Options) error { o.Servers = a.servers; return nil }, // one by one: a password may have a comma
		nats.NoEcho(), nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.failed(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost a server of the store; looking for another", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			log.Info("found another server of the store", "server", c.ConnectedServerName())
		}),
	)
	if s.conn, err = nats.Connect("", options...); err != nil {
		return nil, unreached(err)
	}
	return s, nil
}

// unreached says why no server let us in.
func unreached(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrNkeysNotSupported):
		return errors.New("the servers of the store do not let this supernode in: check user and password in the address, or --store-credentials")
	case errors.Is(err, nats.ErrSecureConnRequired):
		return errors.New("the servers of the store want TLS: write tls:// before their names")
	case errors.Is(err, nats.ErrSecureConnWanted):
		return errors.New("the servers of the store have no TLS: write nats:// before their names, or give them certificates")
	case errors.Is(err, nats.ErrNoServers):
		return errors.New("no server of the store answers: check that they run, their names and ports, and user and password")
	}
	return fmt.Errorf("no server of the store can be reached: %w", err)
}

// failed takes what a server says unasked.
func (s *server) failed(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		said := err.Error()
		s.denied.Store(&said)
	}
	s.log.Warn("a server of the store complains", "error", err)
}

// subject names something of the store in the cluster.
func (s *server) subject(of ...string) string {
	return strings.Join(append([]string{s.name}, of...), ".")
}

// request asks once, and waits for the answer.
func (s *server) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	return s.within(ctx, answerTime, m)
}

// led does something again that nobody has heard, or not all of it, as where a stream is new and its servers have not agreed on who leads it.
func (s *server) led(ctx context.Context, what func() error) error {
	for end := time.Now().Add(answerTime); ; {
		err := what()
		if heard := !errors.Is(err, nats.ErrNoResponders) && !incomplete(err); heard || time.Now().After(end) || !pause(ctx, retryPause) {
			return err
		}
	}
}

// incomplete reports whether the servers took nothing of a batch since they lack a part of it.
func incomplete(err error) bool {
	said := (*apiError)(nil)
	return errors.As(err, &said) && said.ErrCode == codeIncomplete
}

// question asks what may be asked more than once, again and again until somebody answers: a stream drops what it is asked as long as its servers have
// not agreed on who leads, as those of a new one for a moment.
func (s *server) question(ctx context.Context, subject string, b []byte) (*nats.Msg, error) {
	end := time.Now().Add(answerTime)
	for wait := againTime; ; wait *= 2 {
		left := time.Until(end)
		last := left < 2*wait
		if last {
			wait = left
		}
		m, err := s.within(ctx, wait, &nats.Msg{Subject: subject, Data: b})
		if last || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return m, err
		}
	}
}

// within asks and waits so long for the answer.
func (s *server) within(ctx context.Context, wait time.Duration, m *nats.Msg) (*nats.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer, err := s.conn.RequestMsgWithContext(waiting, m)
	if err == nil {
		return answer, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if denied := s.denied.Swap(nil); denied != nil {
		return nil, fmt.Errorf("%w; they say: %s", errSilent, *denied)
	}
	return nil, fmt.Errorf("%w (%w)", errSilent, err)
}

// ask makes a request of JetStream's that does the same when it is made twice, and takes the answer apart.
func (s *server) ask(ctx context.Context, what string, question, answer any) error {
	b, err := json.Marshal(question)
	if err != nil {
		return err
	}
	m, err := s.question(ctx, "$JS.API."+what, b)
	if err != nil {
		return err
	}
	return answered(m, answer)
}

// answered takes the answer of JetStream apart.
func answered(m *nats.Msg, answer any) error {
	var said struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &said); err != nil {
		return fmt.Errorf("%w; what they say cannot be read", errSilent)
	}
	if said.Error != nil {
		return said.Error.meaning()
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		return fmt.Errorf("%w; what they say cannot be read", errSilent)
	}
	return nil
}

// stream is how a stream is made.
type stream struct {
	Name         string   `json:"name"`
	Subjects     []string `json:"subjects"`
	Retention    string   `json:"retention"`
	Discard      string   `json:"discard"`
	Storage      string   `json:"storage"`
	Replicas     int      `json:"num_replicas"`
	PerSubject   int64    `json:"max_msgs_per_subject"`
	Messages     int64    `json:"max_msgs"`
	Bytes        int64    `json:"max_bytes"`
	Consumers    int      `json:"max_consumers"`
	AllowDirect  bool     `json:"allow_direct"`
	AllowAtomic  bool     `json:"allow_atomic"`
	DenyDelete   bool     `json:"deny_delete"`
	MessageBytes int32    `json:"max_msg_size"`
}

// create makes a stream, unless there is one that was made like it.
func (s *server) create(ctx context.Context, name string, subjects string, perSubject int64) error {
	err := s.ask(ctx, "STREAM.CREATE."+name, stream{
		Name: name, Subjects: []string{subjects}, Retention: "limits", Discard: "new", Storage: "file", Replicas: s.replicas,
		PerSubject: perSubject, Messages: -1, Bytes: -1, Consumers: -1, AllowDirect: true, AllowAtomic: true, MessageBytes: -1,
	}, nil)
	var said *apiError
	if errors.As(err, &said) {
		return said.plain(s.replicas)
	}
	return err
}

// last is the sequence of the last message of a stream; errNoStream.
func (s *server) last(ctx context.Context, stream string) (uint64, error) {
	var info struct {
		State struct {
			Last uint64 `json:"last_seq"`
		} `json:"state"`
	}
	err := s.ask(ctx, "STREAM.INFO."+stream, struct{}{}, &info)
	return info.State.Last, err
}

// names are the streams of the store's communities.
func (s *server) names(ctx context.Context) (all []string, err error) {
	for {
		var page struct {
			Total   int      `json:"total"`
			Streams []string `json:"streams"`
		}
		question := map[string]any{"offset": len(all), "subject": s.subject("*", ">")}
		if err := s.ask(ctx, "STREAM.NAMES", question, &page); err != nil {
			return nil, err
		}
		if all = append(all, page.Streams...); len(page.Streams) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

// purge removes messages of one subject of a stream: those before a sequence, or all where that is 0.
func (s *server) purge(ctx context.Context, stream, subject string, before uint64) error {
	question := map[string]any{"filter": subject}
	if before > 0 {
		question["seq"] = before
	}
	return s.ask(ctx, "STREAM.PURGE."+stream, question, nil)
}
