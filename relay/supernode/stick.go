package supernode

import (
	"context"

	"sottovoce/relay/community"
	"sottovoce/relay/mailbox"
)

// Export writes what is kept for all communities to a file, behind what stands there: blobs and what deletes them, nothing of
// members. It works whether the supernode runs or not, and may be stopped at any time.
//
// spec: 13-mailbox#a-file-of-blobs
func (s *Supernode) Export(ctx context.Context, f mailbox.BlobFile, progress func(mailbox.Progress)) error {
	var of []mailbox.Community
	for _, c := range s.all() {
		of = append(of, c.id)
	}
	_, err := mailbox.Export(ctx, s.store, of, f, progress)
	return err
}

// Import takes what a file holds that Export has written, here or at another supernode of a community that is served here, by the
// same terms as what other supernodes bring. It may be stopped at any time, and done again.
//
// spec: 13-mailbox#a-file-of-blobs
func (s *Supernode) Import(ctx context.Context, f mailbox.BlobFile, progress func(mailbox.Progress)) (mailbox.Imported, error) {
	return mailbox.Import(ctx, func(id mailbox.Community) mailbox.Taker {
		if c := s.serving(community.ID(id)); c != nil {
			return stock{c}
		}
		return nil
	}, f, progress)
}
