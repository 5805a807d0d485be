package control

import (
	"context"
	"net/http"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Amender changes what was said. Messages are named by id or an unambiguous prefix of one; one that was deleted is
// [CodeGone].
type Amender interface {
	// Edit makes a message of ours say something else, and Delete makes it say nothing; on a message of theirs they are
	// CodeRefused. What comes back is on disk; how far it has come is in Message.Change.
	Edit(ctx context.Context, id, text string) (Message, error)
	Delete(ctx context.Context, id string) (Message, error)
	// React answers a message with an emoji, or takes that back; what is so already stays as it is. What is no single sign
	// is CodeUsage, one too many CodeFull.
	React(ctx context.Context, id, emoji string, on bool) (Message, error)
}

// Quote is the message that another one answers, as it stands now.
type Quote struct {
	ID   string `json:"id"`
	From Person `json:"from"`
	// Text is the beginning of it, up to 240 bytes.
	Text    string `json:"text"`
	Deleted bool   `json:"deleted"`
}

// Change is the last edit of a message, or its deletion: how far that has come, as a message does. The state of what
// others changed is empty.
type Change struct {
	ID        string    `json:"id"` // msg-…, for a Journey
	Time      time.Time `json:"time"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	HeldBy    Strings   `json:"held_by"`
	HeldUntil time.Time `json:"held_until,omitzero"`
	Delivered int       `json:"delivered"`
	Devices   int       `json:"devices"`
}

// Reaction is an emoji by which a message is answered, and by whom.
type Reaction struct {
	Emoji string   `json:"emoji"`
	From  []Person `json:"from"`
}

// Reactions is written as [] when it is empty, and never as null.
type Reactions []Reaction

// MarshalJSON is of each list, not of what it is in.
func (r Reactions) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("[]"), nil
	}
	return marshal([]Reaction(r))
}

// textBody is the request of PATCH /v1/messages/{id}.
type textBody struct {
	Text string `json:"text"`
}

func (s *Server) patchMessage(w http.ResponseWriter, r *http.Request) {
	var body textBody
	err := readBody(w, r, &body)
	if err == nil {
		err = checkText(body.Text)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	m, err := s.node.Edit(r.Context(), r.PathValue("id"), body.Text)
	answer(w, http.StatusOK, m, err)
}

func (s *Server) deleteMessage(w http.ResponseWriter, r *http.Request) {
	m, err := s.node.Delete(r.Context(), r.PathValue("id"))
	answer(w, http.StatusOK, m, err)
}

func (s *Server) react(on bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		emoji := r.PathValue("emoji")
		if on && !oneSign(emoji) {
			writeError(w, Errorf(CodeUsage, "a reaction is one emoji of at most %d bytes", EmojiMax))
			return
		}
		m, err := s.node.React(r.Context(), r.PathValue("id"), emoji, on)
		answer(w, http.StatusOK, m, err)
	}
}

// oneSign tells whether a text is what people see as one sign, beyond those of ASCII.
func oneSign(text string) bool {
	first, width := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
	return width > 0 && len(text) > 1 && len(text) <= EmojiMax && first == text
}

// Edit is [Amender.Edit].
func (c *Client) Edit(ctx context.Context, id, text string) (m Message, err error) {
	return m, c.do(ctx, http.MethodPatch, "/v1/messages/"+segment(id), textBody{text}, &m)
}

// Delete is [Amender.Delete].
func (c *Client) Delete(ctx context.Context, id string) (m Message, err error) {
	return m, c.do(ctx, http.MethodDelete, "/v1/messages/"+segment(id), nil, &m)
}

// React is [Amender.React].
func (c *Client) React(ctx context.Context, id, emoji string, on bool) (m Message, err error) {
	method := http.MethodPut
	if !on {
		method = http.MethodDelete
	}
	return m, c.do(ctx, method, "/v1/messages/"+segment(id)+"/reactions/"+segment(emoji), nil, &m)
}
