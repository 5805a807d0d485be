package sim

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sottovoce/mesh"
	"sottovoce/mesh/conversation"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
)

func startThin(t *testing.T, host *simlan.Host, home, name string) *mesh.Node {
	t.Helper()
	if err := mesh.Found(home, name, rand.Reader); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(home, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	conn := host.Listen()
	n, err := mesh.New(mesh.Config{
		Store: db, Finder: host.Finder(), Conn: conn, Rand: rand.Reader,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Vouched: func() bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		conn.Close()
		db.Close()
	})
	return n
}

func TestOneMessage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		net := simlan.New(1)
		lan := net.LAN(simlan.Weather{Delay: time.Millisecond})
		a, b := net.Host(), net.Host()
		a.Join(lan)
		b.Join(lan)
		anna := startThin(t, a, filepath.Join(dir, "anna"), "Anna")
		bruno := startThin(t, b, filepath.Join(dir, "bruno"), "Bruno")
		time.Sleep(5 * time.Second)
		if _, err := anna.Add(t.Context(), "Bruno"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := bruno.Accept(t.Context(), "Anna"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		r := anna.Send(t.Context(), []mesh.Outgoing{{To: "Bruno", Text: "ciao"}})
		if r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		time.Sleep(5 * time.Second)
		m, err := anna.Message(t.Context(), r[0].Message.ID)
		if err != nil || m.State != conversation.StateDelivered {
			t.Fatal(m, err)
		}
		log, err := bruno.Log(t.Context(), "Anna", mesh.LogQuery{})
		if err != nil || len(log) != 1 || log[0].Text != "ciao" {
			t.Fatal(log, err)
		}
	})
}
