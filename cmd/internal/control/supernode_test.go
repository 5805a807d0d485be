package control_test

import (
	"context"
	"iter"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

// TestSupernode holds the fake and the client of a server of it against what a Supernode promises.
func TestSupernode(t *testing.T) {
	t.Run("fake", func(t *testing.T) { testSupernode(t, controltest.NewSupernode(true)) })
	t.Run("client", func(t *testing.T) {
		data := t.TempDir()
		run(t, must(control.Listen(data)), control.NewSupernodeServer(controltest.NewSupernode(true), "1.2.3"))
		c := control.NewSupernodeClient(data)
		t.Cleanup(c.Close)
		if v := must(c.Version(t.Context())); v.Version != "1.2.3" || v.API != 1 {
			t.Errorf("the version is %+v", v)
		}
		testSupernode(t, c)
	})
}

func testSupernode(t *testing.T, node control.Supernode) {
	ctx := t.Context()
	if diff := cmp.Diff(must(controltest.NewSupernode(true).Status(ctx)), must(node.Status(ctx))); diff != "" {
		t.Errorf("the status differs: %s", diff)
	}
	members := must(node.Members(ctx, "orchard"))
	if len(members) != 2 || members[0].Revoked || !members[1].Revoked {
		t.Fatalf("the members are %+v", members)
	}
	_, err := node.Members(ctx, "a/b?c")
	wantCode(t, err, control.CodeNotFound)
	if was := must(node.Revoke(ctx, "", members[0].Persona)); !was.Revoked || !was.Joined.Equal(controltest.Start) {
		t.Errorf("revoked is %+v", was)
	}
	_, err = node.Revoke(ctx, "Orchard", ".")
	wantCode(t, err, control.CodeNotFound)
	link := must(node.Invite(ctx, control.JoinTerms{Community: "Orchard", Uses: 3, Seconds: 60}))
	if link.Uses != 3 || link.Supernode || !strings.HasPrefix(link.Link, "sottovoce:") {
		t.Errorf("the link is %+v", link)
	}
	testCarried(t, node)
	if err := node.CloseSupernode(ctx, "Orchard", "peer-d", control.Passphrase(controltest.RootWords)); err != nil {
		t.Errorf("closing a supernode: %v", err)
	}
	wantCode(t, node.CloseSupernode(ctx, "", "peer-x", control.Passphrase(controltest.RootWords)), control.CodeNotFound)
	terms := control.JoinTerms{Supernode: true, RootWords: control.Passphrase(controltest.RootWords)}
	if link := must(node.Invite(ctx, terms)); !link.Supernode {
		t.Errorf("the link for a supernode is %+v", link)
	}
}

// testCarried brings blobs to a file and from one; why it ended too early is told like any other error.
func testCarried(t *testing.T, node control.Supernode) {
	last := func(all iter.Seq2[control.Carried, error]) (c control.Carried, err error) {
		for c, err = range all {
			if c.Total == 0 && err == nil {
				t.Errorf("nothing is said of how far it is: %+v", c)
			}
		}
		return c, err
	}
	if c, err := last(node.Export(t.Context(), "/stick/orchard")); err != nil || c.Done != c.Total {
		t.Errorf("exported %+v, %v", c, err)
	}
	if c, err := last(node.Import(t.Context(), "/stick/orchard")); err != nil || c.New != 3 || c.Known != 2 || c.Refused != 1 || !c.Cut {
		t.Errorf("imported %+v, %v", c, err)
	}
	_, err := last(node.Export(t.Context(), controltest.FullStick))
	wantCode(t, err, control.CodeFull)
	for range node.Import(t.Context(), "/stick/orchard") {
		break // who goes away does not hang
	}
}

// TestNoSupernode: who speaks to a data directory without a supernode is told how to start one there.
func TestNoSupernode(t *testing.T) {
	data := t.TempDir()
	c := control.NewSupernodeClient(data)
	defer c.Close()
	_, err := c.Status(t.Context())
	wantCode(t, err, control.CodeNotRunning)
	if !strings.Contains(err.Error(), "sottovoce supernode up --data "+data) {
		t.Errorf("no supernode: %v", err)
	}
}

func testCommunities(t *testing.T, _ *controltest.Fake, node control.Node) {
	ctx := t.Context()
	if none := must(node.Communities(ctx)); len(none) != 0 {
		t.Errorf("at first there are %+v", none)
	}
	joined := must(node.Join(ctx, controltest.OrchardLink))
	if diff := cmp.Diff([]control.Community{joined}, must(node.Communities(ctx))); diff != "" || len(joined.Supernodes) != 2 {
		t.Errorf("joined %+v: %s", joined, diff)
	}
	for link, want := range map[string]control.Code{
		controltest.SpentLink: control.CodeRefused, controltest.FarLink: control.CodeTimeout, controltest.PersonLink: control.CodeUsage, "sottovoce:": control.CodeUsage,
	} {
		_, err := node.Join(ctx, link)
		wantCode(t, err, want)
	}
	if was := must(node.Leave(ctx, joined.ID)); was.Name != "Orchard" {
		t.Errorf("left %+v", was)
	}
	_, err := node.Leave(ctx, "Orchard")
	wantCode(t, err, control.CodeNotFound)
}

// run runs a server on l until stop or the end of the test.
func run(t *testing.T, l net.Listener, server interface {
	Run(context.Context, net.Listener) error
},
) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Run(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
