package jetstream

import (
	"context"

	"sottovoce/relay/mailbox"
)

// Spoil puts something else in the place of what is kept in memory of a message of blobs.
func (s *Store) Spoil(c mailbox.Community, seq uint64, b []byte) {
	s.cache.drop(cached{c, seq})
	s.cache.put(cached{c, seq}, b)
}

// Mislead has it take what ends the stream for nothing of the log's, as by the word of two servers of which one leads no more.
func (s *Store) Mislead(ctx context.Context, c mailbox.Community) error {
	l := s.of(c)
	return l.do(ctx, func() (err error) {
		l.foreign, err = l.journal.last(ctx, l.journal.stream)
		return err
	})
}
