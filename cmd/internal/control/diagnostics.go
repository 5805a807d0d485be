package control

import (
	"context"
	"net/http"
	"time"
)

// Diagnostics is what a person can show to others when something is wrong: no text, name, id, key, address, path or host
// name is in it.
type Diagnostics struct {
	// Made is when, in UTC.
	Made time.Time `json:"made"`
	// Version of the program, and of Go, the system and its processors.
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
	CPUs    int    `json:"cpus"`
	// Passphrase tells whether it takes one to open the home.
	Passphrase bool `json:"passphrase"`
	// Files are those in the home that the program makes.
	Files []File `json:"files"`
	// Interfaces are the machine's, in its order.
	Interfaces []Interface `json:"interfaces"`
	// Running is what the node is doing; nil where none runs.
	Running *Counts `json:"running,omitempty"`
	// Log is the end of the node's log, each line without what could tell somebody from others.
	Log []string `json:"log"`
}

// Interface is a network interface without what names it.
type Interface struct {
	// Kind is ethernet, wireless, loopback, tunnel, virtual (of containers and machines) or other, by the name the system gave it.
	Kind string `json:"kind"`
	// Used for discovery.
	Used      bool `json:"used"`
	Up        bool `json:"up"`
	Multicast bool `json:"multicast"`
	MTU       int  `json:"mtu"`
	// Addresses tells of each its family and reach: ipv4_private, ipv4_link_local, ipv4_global, ipv6_private and so on.
	Addresses []string `json:"addresses"`
}

// File is a file in the home.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Counts are what a Status says in numbers.
type Counts struct {
	// Seconds since the node came up.
	Seconds    int64  `json:"seconds"`
	Visibility string `json:"visibility"`
	Listening  int    `json:"listening"`
	Links      int    `json:"links"`
	Nearby     int    `json:"nearby"`
	Contacts   int    `json:"contacts"`
	Requests   int    `json:"requests"`
	Supernodes int    `json:"supernodes"`
	Queued     int    `json:"queued"`
	Held       int    `json:"held"`
	Notices    int    `json:"notices"`
	// Events counts what happened in this home so far, with gaps, and Dropped what came from peers and was not taken since the
	// node came up.
	Events  int64  `json:"events"`
	Dropped uint64 `json:"dropped"`
	// Memory is what the process occupies, in bytes, and Goroutines how many it has.
	Memory     int64 `json:"memory"`
	Goroutines int   `json:"goroutines"`
}

func (s *Server) getDiagnostics(w http.ResponseWriter, r *http.Request) {
	d, err := s.node.Diagnostics(r.Context())
	answer(w, http.StatusOK, d, err)
}

// Diagnostics is [Node.Diagnostics].
func (c *Client) Diagnostics(ctx context.Context) (d Diagnostics, err error) {
	return d, c.do(ctx, http.MethodGet, "/v1/diagnostics", nil, &d)
}
