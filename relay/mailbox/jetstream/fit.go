package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"sottovoce/relay/mailbox"
)

// fit finds out whether the servers can hold a store, and makes its stream.
func (s *server) fit(ctx context.Context) error {
	if version := s.conn.ConnectedServerVersion(); isOld(version) {
		return fmt.Errorf("the servers of the store are nats-server %s, which is too old: update them to %s or later", version, oldest)
	}
	if s.conn.MaxPayload() < payloadMin {
		return fmt.Errorf("the servers of the store take messages of %d bytes: set max_payload: 2MB in the configuration of each", s.conn.MaxPayload())
	}
	err := s.admitted(ctx)
	if err == nil {
		err = s.create(ctx, s.name, s.name+"-store.>", 1)
	}
	if err != nil {
		return s.forbidden(err)
	}
	if _, open := s.conn.TLSConnectionState(); open != nil && !isLoopback(s.conn.ConnectedAddr()) {
		s.log.Warn("the servers of the store are reached without TLS: whoever is on the way to them can read and change what goes there, this supernode's keys too unless they are sealed; give them certificates, and write tls:// before their names")
	}
	if s.seal == nil {
		s.log.Warn("the keys of this supernode lie unsealed on the disks of the servers of the store: whoever has one of them can pose as it; the guide to clusters says how to seal them")
	}
	s.log.Warn("whether the servers of the store write to their disks before they confirm is not known to their clients: unless each has sync_interval: always in the " +
		"jetstream part of its configuration, what was signed for in the last two minutes can be lost if most of them lose power at once; members are told then, and offer it again")
	return nil
}

// isLoopback reports whether an address with a port is one of this machine alone.
func isLoopback(addr string) bool {
	at, err := netip.ParseAddrPort(addr)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// admitted asks for what JetStream allows us.
func (s *server) admitted(ctx context.Context) error {
	m, err := s.question(ctx, "$JS.API.INFO", nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return errors.New("the servers of the store have no JetStream for this user: enable it in the configuration of each, and for the account")
	case err != nil:
		return err
	}
	var said struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &said); err != nil {
		return fmt.Errorf("%w; what they say cannot be read", errSilent)
	}
	if said.Error != nil {
		return said.Error.plain(s.replicas)
	}
	return nil
}

// isFull finds out whether bodies of a batch are beyond what the account may have on disk. The servers tell only who asks for an answer to each message of a
// batch; who asks for one to all of them is told that some are missing.
func (s *server) isFull(ctx context.Context, bodies []body) bool {
	type room struct {
		Used   int64 `json:"storage"`
		Limits struct {
			Most int64 `json:"max_storage"` // -1: as much as there is
		} `json:"limits"`
	}
	var account struct {
		room
		Tiers map[string]room `json:"tiers"` // by copies, where each number of them has limits of its own; those count each byte once
	}
	if err := s.ask(ctx, "INFO", struct{}{}, &account); err != nil {
		return false
	}
	most, used := account.Limits.Most, account.Used
	if tier, found := account.Tiers[fmt.Sprintf("R%d", s.replicas)]; found {
		most, used = tier.Limits.Most*int64(s.replicas), tier.Used
	}
	for _, b := range bodies {
		used += int64(len(b.blobs)+messageRoom) * int64(s.replicas)
	}
	return most >= 0 && used > most
}

// forbidden says so where the servers have complained of what a user may not do.
func (s *server) forbidden(err error) error {
	if strings.Contains(err.Error(), nats.ErrPermissionViolation.Error()) {
		return fmt.Errorf("the servers of the store do not allow this user what it needs: let it publish and subscribe to %s.>, %s-store.>, %s-wake.>, $JS.API.> and _INBOX.>", s.name, s.name, s.name)
	}
	return err
}

// plain says what an error means to an operator who wants everything on so many servers.
func (e *apiError) plain(replicas int) error {
	switch e.ErrCode {
	case codeNotEnabled, codeNoAccount:
		return errors.New("the servers of the store have no JetStream for this user: enable it in the configuration of each, and for the account")
	case codeNoLimits:
		return fmt.Errorf("the servers of the store keep nothing in %d copies for this user: allow the account so much of JetStream (R%d)", replicas, replicas)
	case codeNoCluster, codeNoPeers:
		return fmt.Errorf("the store needs %d servers in one cluster, each with JetStream and room: start them, or look at what they say (%s)", replicas, e.Description)
	case codeNoLeader:
		return errors.New("most servers of the store are down or do not reach each other: nothing can be kept until a majority of them runs")
	case codeStreamDiffer:
		return errors.New("the servers have something else under the name of the store: choose another one, /NAME at the end of its address")
	case codeStreamsMost:
		return fmt.Errorf("%w: the account has as many streams as it may have; allow it one for each community, and one beside", mailbox.ErrFull)
	}
	return e.meaning()
}

// latest is the last message of a subject and its sequence; errNone.
func (s *server) latest(ctx context.Context, stream, subject string) (seq uint64, b []byte, err error) {
	var answer struct {
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	err = s.ask(ctx, "STREAM.MSG.GET."+stream, map[string]any{"last_by_subj": subject}, &answer)
	return answer.Message.Seq, answer.Message.Data, err
}

// replace puts a message in the place of the last one of its subject, whose sequence is known (0: none); errMoved if that is another one.
func (s *server) replace(ctx context.Context, subject string, after uint64, b []byte) error {
	return s.led(ctx, func() error {
		m, err := s.request(ctx, &nats.Msg{Subject: subject, Header: nats.Header{headerBehind: {strconv.FormatUint(after, 10)}}, Data: b})
		if err != nil {
			return err
		}
		return answered(m, nil)
	})
}

// days are the expiry days of which a journal has blobs.
func (j *journal) days(ctx context.Context) (all []uint16, err error) {
	var info struct {
		State struct {
			Subjects map[string]uint64 `json:"subjects"`
		} `json:"state"`
	}
	if err := j.ask(ctx, "STREAM.INFO."+j.stream, map[string]any{"subjects_filter": j.root + ".day.*"}, &info); err != nil {
		return nil, err
	}
	for subject := range info.State.Subjects {
		day, err := strconv.ParseUint(strings.TrimPrefix(subject, j.root+".day."), 10, 16)
		if err == nil {
			all = append(all, uint16(day))
		}
	}
	return all, nil
}
