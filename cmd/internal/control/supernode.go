package control

import (
	"context"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Supernode is what a supernode's operator asks of it: of the one that runs on a data directory, or of the directory alone.
// Methods are safe for concurrent use, return when ctx ends, and fail with an [*Error] wherever a face should act on the
// reason. COMMUNITY arguments are a name, an id or an unambiguous prefix of one; empty is the only one that is served.
type Supernode interface {
	// Status tells what the supernode is doing and what it keeps.
	Status(ctx context.Context) (SupernodeStatus, error)
	// Members lists who has joined, in the order in which they did, those who were revoked included.
	Members(ctx context.Context, community string) ([]Member, error)
	// Invite makes a join link.
	Invite(ctx context.Context, terms JoinTerms) (JoinLink, error)
	// Revoke shuts a member out, by its persona or an unambiguous prefix of that: it draws no further tokens and gets none
	// of the keys of the weeks to come.
	Revoke(ctx context.Context, community, persona string) (Member, error)
	// CloseSupernode shuts out another supernode of a community, lost or in other hands, by the beginning of its id. It takes
	// the words of the community's root.
	CloseSupernode(ctx context.Context, community, supernode string, words Passphrase) error
	// Export writes what is kept to a file of its machine, or goes on with one that was interrupted; Import
	// takes what such a file holds, as often as one likes. They yield how far they are, at the end at least; the first error is
	// the last thing that is yielded.
	Export(ctx context.Context, file string) iter.Seq2[Carried, error]
	Import(ctx context.Context, file string) iter.Seq2[Carried, error]
}

// SupernodeStatus is what a supernode is doing, in its operator's words.
type SupernodeStatus struct {
	ID      string `json:"id"` // peer-…
	Version string `json:"version"`
	// Running: the supernode itself answers; else its data directory does, and nobody is served.
	Running bool `json:"running"`
	// PID, Started (UTC), Listen, Advertised, Links, DiskMax, Days, Clock, Kept, Refused, Memory and Goroutines are of the run,
	// and mean nothing without one; as do Room, Allowed, Received and Sent of a community, and Refused of a fellow.
	PID     int       `json:"pid"`
	Started time.Time `json:"started,omitzero"`
	Listen  Strings   `json:"listen"`
	// Advertised are the addresses that members elsewhere are told.
	Advertised Strings `json:"advertised"`
	// Links counts members and supernodes that are connected now.
	Links int `json:"links"`
	// Blobs counts what is kept; Disk is how many bytes of the disk that takes, DiskMax how many it may, DiskFree what the
	// disk has left.
	Blobs    int64 `json:"blobs"`
	Disk     int64 `json:"disk"`
	DiskMax  int64 `json:"disk_max"`
	DiskFree int64 `json:"disk_free"`
	// Cut is how many bytes of writes that a crash interrupted were cut off when the data directory was opened, Damaged how many bytes were
	// found damaged then.
	Cut     int64 `json:"cut"`
	Damaged int64 `json:"damaged"`
	// Days is how many days ahead a blob may ask to be kept.
	Days int `json:"days"`
	// Clock tells whether the time is believed, so that what is past its day goes.
	Clock Clock `json:"clock"`
	// Over is the last day (UTC) whose messages go by it; none go where it is missing.
	Over time.Time `json:"over,omitzero"`
	// Kept counts deposits that were signed for, Refused what was refused, by reason.
	Kept        uint64            `json:"kept"`
	Refused     []Refusal         `json:"refused"`
	Communities []ServedCommunity `json:"communities"`
	// Memory is what the process occupies, in bytes.
	Memory     int64 `json:"memory"`
	Goroutines int   `json:"goroutines"`
	// Notices are sentences about what is wrong and what to do.
	Notices Strings `json:"notices"`
}

// Refusal is how often something was refused for one reason.
type Refusal struct {
	Reason string `json:"reason"` // in words
	Times  uint64 `json:"times"`
}

// Clock tells how far a supernode believes its clock.
type Clock string

// How far a clock is believed; without belief nothing expires.
const (
	ClockVouched Clock = "vouched" // by a clock with a battery, or the network's time
	ClockAgreed  Clock = "agreed"  // with that of two members
	ClockAlone   Clock = "alone"   // neither has been heard yet
	ClockDoubted Clock = "doubted" // members have another day
)

// ServedCommunity is a community as its operator sees it.
type ServedCommunity struct {
	ID   string `json:"id"`   // comm-…
	Name string `json:"name"` // neutralised
	// Members counts those who may collect here.
	Members int `json:"members"`
	// Blobs counts what is kept for it, and Disk the bytes that takes.
	Blobs int64 `json:"blobs"`
	Disk  int64 `json:"disk"`
	// Supernodes counts those that its descriptor names, this one included.
	Supernodes int `json:"supernodes"`
	// Room is how many bytes it may still have, of its share of the disk or of what it is allowed.
	Room    int64 `json:"room"`
	Allowed Quota `json:"allowed"`
	// Received and Sent are the bytes that were left for it, and collected.
	Received uint64 `json:"received"`
	Sent     uint64 `json:"sent"`
	// Fellows are the others of them.
	Fellows []FellowSupernode `json:"fellows,omitempty"`
}

// FellowSupernode is another supernode of a community, as this one sees it in its run.
type FellowSupernode struct {
	ID      string `json:"id"` // peer-…
	Reached bool   `json:"reached"`
	// Level is when this one brought both level last (UTC).
	Level time.Time `json:"level,omitzero"`
	// Refused counts messages that one of the two did not take, for want of room above all.
	Refused int `json:"refused"`
}

// Quota is what an operator allows one community. Where a field is 0 nothing is said of it.
type Quota struct {
	Disk      int64 `json:"disk"`      // bytes of messages; nothing said: what the others leave
	Bandwidth int64 `json:"bandwidth"` // bytes a second that may come, and that may leave; nothing said: any number
	Days      int   `json:"days"`      // that a message may ask to be kept
	Tokens    int   `json:"tokens"`    // that a member may draw for a day: as many as short messages
}

// Member is a persona that has joined a community. Who that is nobody here knows.
type Member struct {
	Community string `json:"community"` // the name, neutralised
	Persona   string `json:"persona"`
	// Joined is the day on which it did, in UTC.
	Joined  time.Time `json:"joined"`
	Revoked bool      `json:"revoked"`
}

// JoinTerms say what a join link is to be good for.
type JoinTerms struct {
	Community string `json:"community,omitempty"`
	// Uses is how many can join by it; 0: one.
	Uses int `json:"uses,omitempty"`
	// Seconds is how long it can be used; 0: seven days.
	Seconds int64 `json:"seconds,omitempty"`
	// Supernode makes it a link for a further supernode, which takes the words of the community's root.
	Supernode bool       `json:"supernode,omitempty"`
	RootWords Passphrase `json:"root_words,omitempty"`
}

// JoinLink is a link by which people, or a further supernode, join a community. It is a secret.
type JoinLink struct {
	Link      string    `json:"link"`
	Community string    `json:"community"`
	Uses      int       `json:"uses"`
	Expires   time.Time `json:"expires"`
	Supernode bool      `json:"supernode"`
}

// NewSupernodeServer makes a server for a supernode; version is what GET /v1/version tells.
func NewSupernodeServer(node Supernode, version string) *SupernodeServer {
	return &SupernodeServer{node, version}
}

// SupernodeServer puts a Supernode on HTTP/1.1, on the control socket of its data directory. It keeps nothing of its own.
type SupernodeServer struct {
	node    Supernode
	version string
}

// Run serves on l until ctx ends, as [Server.Run] does.
func (s *SupernodeServer) Run(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, handler(s.routes()))
}

func (s *SupernodeServer) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /v1/version":                        getVersion(s.version),
		"GET /v1/supernode":                      s.getSupernode,
		"GET /v1/supernode/members":              s.getMembers,
		"DELETE /v1/supernode/members/{persona}": s.deleteMember,
		"POST /v1/supernode/links":               s.postLinks,
		"POST /v1/supernode/{supernode}/close":   s.postClose,
		"POST /v1/supernode/export":              s.postExport,
		"POST /v1/supernode/import":              s.postImport,
	}
}

func (s *SupernodeServer) getSupernode(w http.ResponseWriter, r *http.Request) {
	status, err := s.node.Status(r.Context())
	answer(w, http.StatusOK, status, err)
}

// closeBody is the request of POST /v1/supernode/{supernode}/close.
type closeBody struct {
	Community string     `json:"community,omitempty"`
	RootWords Passphrase `json:"root_words"`
}

func (s *SupernodeServer) postClose(w http.ResponseWriter, r *http.Request) {
	var body closeBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	defer clear(body.RootWords)
	if err := s.node.CloseSupernode(r.Context(), body.Community, r.PathValue("supernode"), body.RootWords); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// memberList is the answer of GET /v1/supernode/members.
type memberList struct {
	Members []Member `json:"members"`
}

func (s *SupernodeServer) getMembers(w http.ResponseWriter, r *http.Request) {
	community, err := parseCommunity(r.URL.Query())
	if err != nil {
		writeError(w, err)
		return
	}
	all, err := s.node.Members(r.Context(), community)
	if all == nil {
		all = []Member{}
	}
	answer(w, http.StatusOK, memberList{all}, err)
}

func (s *SupernodeServer) deleteMember(w http.ResponseWriter, r *http.Request) {
	community, err := parseCommunity(r.URL.Query())
	if err != nil {
		writeError(w, err)
		return
	}
	was, err := s.node.Revoke(r.Context(), community, r.PathValue("persona"))
	answer(w, http.StatusOK, was, err)
}

// parseCommunity reads which community is meant, if it is said.
func parseCommunity(values url.Values) (community string, err error) {
	for key := range values {
		if key != "community" {
			return "", Errorf(CodeUsage, "there is no parameter %q here; there is community", key)
		}
	}
	return values.Get("community"), nil
}

func (s *SupernodeServer) postLinks(w http.ResponseWriter, r *http.Request) {
	var terms JoinTerms
	if err := readBody(w, r, &terms); err != nil {
		writeError(w, err)
		return
	}
	defer clear(terms.RootWords)
	made, err := s.node.Invite(r.Context(), terms)
	answer(w, http.StatusCreated, made, err)
}

// SupernodeClient speaks to the supernode that runs on a data directory. It is a Supernode itself; every error it returns is
// an [*Error], of CodeNotRunning where none runs there. It is safe for concurrent use.
type SupernodeClient struct {
	client *Client
	data   string
}

var _ Supernode = (*SupernodeClient)(nil)

// NewSupernodeClient makes a client for the supernode of a data directory. It connects when it is first asked something.
func NewSupernodeClient(data string) *SupernodeClient { return &SupernodeClient{NewClient(data), data} }

// Close lets go of idle connections.
func (c *SupernodeClient) Close() { c.client.Close() }

// do is that of Client, with the words of supernodes.
func (c *SupernodeClient) do(ctx context.Context, method, path string, in, out any) error {
	return c.worded(c.client.do(ctx, method, path, in, out))
}

// worded says of what is not running that it is a supernode.
func (c *SupernodeClient) worded(err error) error {
	if err != nil && AsError(err).Code == CodeNotRunning {
		return Errorf(CodeNotRunning, "no supernode is running on %s; start it with: sottovoce supernode up --data %s", c.data, c.data)
	}
	return err
}

// Version asks which program answers.
func (c *SupernodeClient) Version(ctx context.Context) (v Version, err error) {
	return v, c.do(ctx, http.MethodGet, "/v1/version", nil, &v)
}

// Status is [Supernode.Status].
func (c *SupernodeClient) Status(ctx context.Context) (s SupernodeStatus, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/supernode", nil, &s)
}

// Members is [Supernode.Members].
func (c *SupernodeClient) Members(ctx context.Context, community string) ([]Member, error) {
	var list memberList
	err := c.do(ctx, http.MethodGet, "/v1/supernode/members"+inCommunity(community), nil, &list)
	return list.Members, err
}

// Revoke is [Supernode.Revoke].
func (c *SupernodeClient) Revoke(ctx context.Context, community, persona string) (was Member, err error) {
	return was, c.do(ctx, http.MethodDelete, "/v1/supernode/members/"+segment(persona)+inCommunity(community), nil, &was)
}

// CloseSupernode is [Supernode.CloseSupernode].
func (c *SupernodeClient) CloseSupernode(ctx context.Context, community, supernode string, words Passphrase) error {
	return c.do(ctx, http.MethodPost, "/v1/supernode/"+segment(supernode)+"/close", closeBody{community, words}, nil)
}

// Invite is [Supernode.Invite].
func (c *SupernodeClient) Invite(ctx context.Context, terms JoinTerms) (made JoinLink, err error) {
	return made, c.do(ctx, http.MethodPost, "/v1/supernode/links", terms, &made)
}

func inCommunity(community string) string {
	if community == "" {
		return ""
	}
	return "?" + url.Values{"community": {community}}.Encode()
}
