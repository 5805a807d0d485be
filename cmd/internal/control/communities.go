package control

import (
	"context"
	"net/http"
	"time"
)

// Communities is what a node knows of the communities whose supernodes keep messages for it while it is away.
type Communities interface {
	// Communities lists those that the person is a member of, by name and then by id.
	Communities(ctx context.Context) ([]Community, error)
	// Join makes the person a member by a link, once one of the supernodes that it names has said yes. Where none is reached in
	// time that is CodeTimeout, and goes on by itself. A link that is used up, past its time or taken back is CodeRefused, a
	// link of another kind CodeUsage. To join again is no error.
	Join(ctx context.Context, link string) (Community, error)
	// Leave forgets a community, by its name, its id or an unambiguous prefix of that, and returns it as it was.
	Leave(ctx context.Context, community string) (Community, error)
}

// Community is one whose supernodes keep messages for us.
type Community struct {
	ID string `json:"id"` // comm-…
	// Name is what its founder called it, neutralised; empty until we are let in.
	Name string `json:"name"`
	// Joined: a supernode has let us in.
	Joined bool `json:"joined"`
	// Trouble is why none has, or what is wrong with the community, in words.
	Trouble string `json:"trouble,omitempty"`
	// Persona is who we are to its operators, and to nobody else.
	Persona string `json:"persona"`
	// Supernodes are those that its descriptor names.
	Supernodes []CommunitySupernode `json:"supernodes"`
}

// CommunitySupernode is a supernode as a member sees it.
type CommunitySupernode struct {
	ID string `json:"id"` // peer-…
	// Addresses are where it can be reached from elsewhere; where there is none it is found on its own network.
	Addresses Strings `json:"addresses"`
	// Reached: there is a link to it now.
	Reached bool `json:"reached"`
	// Seen is when there was one last, in UTC; the zero time is never.
	Seen time.Time `json:"seen,omitzero"`
	// Weaker: it keeps too much for us to fetch all, so that it can guess which messages are ours.
	Weaker bool `json:"weaker,omitempty"`
	// Trouble is what is wrong with it, in words; empty: nothing that we know of.
	Trouble string `json:"trouble,omitempty"`
}

// communityList is the answer of GET /v1/communities.
type communityList struct {
	Communities []Community `json:"communities"`
}

// joinBody is the request of POST /v1/communities.
type joinBody struct {
	Link string `json:"link"`
}

func (s *Server) getCommunities(w http.ResponseWriter, r *http.Request) {
	all, err := s.node.Communities(r.Context())
	if all == nil {
		all = []Community{}
	}
	answer(w, http.StatusOK, communityList{all}, err)
}

func (s *Server) postCommunities(w http.ResponseWriter, r *http.Request) {
	var body joinBody
	if err := readBody(w, r, &body); err != nil {
		writeError(w, err)
		return
	}
	if body.Link == "" {
		writeError(w, Errorf(CodeUsage, `give the link, as in {"link":"sottovoce:…"}`))
		return
	}
	joined, err := s.node.Join(r.Context(), body.Link)
	answer(w, http.StatusCreated, joined, err)
}

func (s *Server) deleteCommunity(w http.ResponseWriter, r *http.Request) {
	was, err := s.node.Leave(r.Context(), r.PathValue("community"))
	answer(w, http.StatusOK, was, err)
}

// Communities is [Communities.Communities].
func (c *Client) Communities(ctx context.Context) ([]Community, error) {
	var list communityList
	err := c.do(ctx, http.MethodGet, "/v1/communities", nil, &list)
	return list.Communities, err
}

// Join is [Communities.Join].
func (c *Client) Join(ctx context.Context, link string) (joined Community, err error) {
	return joined, c.do(ctx, http.MethodPost, "/v1/communities", joinBody{link}, &joined)
}

// Leave is [Communities.Leave].
func (c *Client) Leave(ctx context.Context, community string) (was Community, err error) {
	return was, c.do(ctx, http.MethodDelete, "/v1/communities/"+segment(community), nil, &was)
}
