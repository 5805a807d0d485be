package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
)

// journal is the stream of one community.
type journal struct {
	*server
	stream string
	root   string // of its subjects
	exists bool   // the committer's
}

func newJournal(s *server, c mailbox.Community) *journal {
	id := hex.EncodeToString(c[:])
	return &journal{server: s, stream: s.name + "-" + id, root: s.subject(id)}
}

// parseStreamName tells whose stream of a store that is.
func parseStreamName(store, stream string) (c mailbox.Community, ok bool) {
	if len(stream) != len(store)+1+2*len(c) || stream[:len(store)+1] != store+"-" {
		return c, false
	}
	b, err := hex.DecodeString(stream[len(store)+1:])
	if err != nil {
		return c, false
	}
	return mailbox.Community(b), true
}

// The subjects of a journal.
func (j *journal) log() string              { return j.root + ".log" }
func (j *journal) day(of uint16) string     { return fmt.Sprintf("%s.day.%05d", j.root, of) }
func (j *journal) wake() string             { return wakeSubject(j.server.name, j.root[len(j.server.name)+1:]) }
func wakeSubject(store, what string) string { return store + "-wake." + what }

// The headers of what is published.
const (
	headerAfter  = "Nats-Expected-Last-Sequence"
	headerBehind = "Nats-Expected-Last-Subject-Sequence"
	headerBatch  = "Nats-Batch-Id"
	headerPlace  = "Nats-Batch-Sequence"
	headerCommit = "Nats-Batch-Commit"
	headerSeq    = "Nats-Sequence"
	headerStatus = "Status"
)

// place is where a commit is to stand: behind the message of the stream with a sequence, and behind a message of the log; 0: there is none. The latter is
// said, too, since nobody can tell for sure that what ends the stream is none of the log's.
type place struct{ after, behind uint64 }

// append puts a commit at its place, all of it or nothing: errMoved if there is something behind that,
// mailbox.ErrFull if there is no room. With any other error it may be there or not.
func (j *journal) append(ctx context.Context, at place, bodies []body, log []byte) (seq uint64, err error) {
	if !j.exists {
		if err := j.create(ctx, j.stream, j.root+".>", -1); err != nil {
			return 0, err
		}
		j.exists = true
	}
	batch := rand.Text()
	part := func(m *nats.Msg, n int) *nats.Msg {
		m.Header = nats.Header{}
		if n == 0 {
			m.Header[headerAfter] = []string{strconv.FormatUint(at.after, 10)}
		}
		if n == len(bodies) {
			m.Header[headerBehind] = []string{strconv.FormatUint(at.behind, 10)}
		}
		if len(bodies) > 0 {
			m.Header[headerBatch], m.Header[headerPlace] = []string{batch}, []string{strconv.Itoa(n + 1)}
		}
		return m
	}
	for i, b := range bodies {
		if err := j.conn.PublishMsg(part(&nats.Msg{Subject: j.day(b.day), Data: b.blobs}, i)); err != nil {
			return 0, fmt.Errorf("%w (%w)", errSilent, err)
		}
	}
	last := part(&nats.Msg{Subject: j.log(), Data: log}, len(bodies))
	if len(bodies) > 0 {
		last.Header[headerCommit] = []string{"1"}
	}
	m, err := j.request(ctx, last)
	if errors.Is(err, nats.ErrNoResponders) {
		j.exists = false // or nobody leads it: then it is made for nothing
	}
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq uint64 `json:"seq"`
	}
	err = answered(m, &ack)
	if errors.Is(err, errNoStream) {
		j.exists = false
		return 0, fmt.Errorf("%w; the stream of the log is gone", errSilent)
	}
	if incomplete(err) && j.isFull(ctx, bodies) {
		return 0, fmt.Errorf("%w: the account may have no more on disk", mailbox.ErrFull)
	}
	if err == nil && ack.Seq != at.after+uint64(len(bodies))+1 {
		return 0, fmt.Errorf("%w; they say that a commit is at %d which can be at one place only", errSilent, ack.Seq)
	}
	return ack.Seq, err
}

// message is one of the log.
type message struct {
	seq  uint64
	data []byte
}

// next asks the server that leads for the first message of the log from a sequence on; errNone if there is none, errNoStream if there is no log.
func (j *journal) next(ctx context.Context, from uint64) (message, error) {
	var answer struct {
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	err := j.ask(ctx, "STREAM.MSG.GET."+j.stream, map[string]any{"seq": from, "next_by_subj": j.log()}, &answer)
	return message{answer.Message.Seq, answer.Message.Data}, err
}

// ahead hands messages of the log from a sequence on to take, as many as one server hands out at once; some, or none where it is late.
func (j *journal) ahead(ctx context.Context, from uint64, take func(message) error) (n int, err error) {
	inbox := j.conn.NewInbox()
	answers, err := j.conn.SubscribeSync(inbox)
	if err != nil {
		return 0, fmt.Errorf("%w (%w)", errSilent, err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	question := fmt.Sprintf(`{"seq":%d,"next_by_subj":%q,"batch":%d,"max_bytes":%d}`, from, j.log(), readAhead, readAheadBytes)
	if err := j.conn.PublishRequest("$JS.API.DIRECT.GET."+j.stream, inbox, []byte(question)); err != nil {
		return 0, fmt.Errorf("%w (%w)", errSilent, err)
	}
	waiting, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	for {
		m, err := answers.NextMsgWithContext(waiting)
		if err != nil {
			return n, fmt.Errorf("%w (%w)", errSilent, err)
		}
		if m.Header.Get(headerStatus) != "" {
			return n, nil
		}
		seq, err := strconv.ParseUint(m.Header.Get(headerSeq), 10, 64)
		if err != nil {
			return n, errMessage
		}
		if err := take(message{seq, m.Data}); err != nil {
			return n, err
		}
		n++
	}
}

// fetch returns messages by their sequences, from whichever server has them; what is not there by the word of the leading one is nil.
func (j *journal) fetch(ctx context.Context, seqs []uint64) (map[uint64][]byte, error) {
	all := make(map[uint64][]byte, len(seqs))
	for len(seqs) > 0 {
		n := min(len(seqs), together)
		if err := j.fetchSome(ctx, seqs[:n], all); err != nil {
			return nil, err
		}
		seqs = seqs[n:]
	}
	return all, nil
}

func (j *journal) fetchSome(ctx context.Context, seqs []uint64, into map[uint64][]byte) error {
	inbox := j.conn.NewInbox()
	answers, err := j.conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return fmt.Errorf("%w (%w)", errSilent, err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	for _, seq := range seqs {
		question := []byte(`{"seq":` + strconv.FormatUint(seq, 10) + `}`)
		if err := j.conn.PublishRequest("$JS.API.DIRECT.GET."+j.stream, inbox+"."+strconv.FormatUint(seq, 10), question); err != nil {
			return fmt.Errorf("%w (%w)", errSilent, err)
		}
	}
	waiting, cancel := context.WithTimeout(ctx, answerTime/2)
	defer cancel()
	for range seqs {
		m, err := answers.NextMsgWithContext(waiting)
		if err != nil {
			break // the others are asked for one by one
		}
		seq, err := strconv.ParseUint(m.Subject[len(inbox)+1:], 10, 64)
		if err == nil && m.Header.Get(headerStatus) == "" {
			into[seq] = m.Data
		}
	}
	for _, seq := range seqs {
		if _, found := into[seq]; found {
			continue
		}
		b, err := j.get(ctx, seq)
		if err != nil && !errors.Is(err, errNone) {
			return err
		}
		into[seq] = b
	}
	return nil
}

// get asks the server that leads for one message; errNone if there is none.
func (j *journal) get(ctx context.Context, seq uint64) ([]byte, error) {
	var answer struct {
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	err := j.ask(ctx, "STREAM.MSG.GET."+j.stream, map[string]any{"seq": seq}, &answer)
	return answer.Message.Data, err
}

// pause waits a little before something is tried again; false when ctx has ended.
func pause(ctx context.Context, rest time.Duration) bool {
	select {
	case <-time.After(rest):
		return true
	case <-ctx.Done():
		return false
	}
}
