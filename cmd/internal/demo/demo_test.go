package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sottovoce/cmd/internal/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rehearse makes a play in a language, without pauses, that is told as JSON.
func rehearse(t *testing.T, language string) (*play, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	p, err := newPlay(Options{Fast: true, JSON: true, Out: &out, Env: func(key string) string { return map[string]string{"LANG": language}[key] }})
	if err != nil {
		t.Fatal(err)
	}
	return p, &out
}

// statements reads what was told.
func statements(t *testing.T, out io.Reader) (all []Statement) {
	t.Helper()
	for d := json.NewDecoder(out); ; {
		var s Statement
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
}

// before puts something into the play, before an act.
func (p *play) before(name string, do func() error) {
	at := slices.IndexFunc(p.acts, func(a act) bool { return a.name == name })
	p.acts = slices.Insert(p.acts, at, act{name, func(context.Context) error { return do() }})
}

// TestStory plays all of it, and holds what was told against what the parts say of themselves.
func TestStory(t *testing.T) {
	t.Parallel()
	p, out := rehearse(t, "it_IT.UTF-8")
	blobs := make(map[string]bool) // that are in the mailbox near the end
	last := &p.acts[len(p.acts)-1]
	remove := last.play
	last.play = func(ctx context.Context) error {
		err := remove(ctx)
		all, _ := p.shelf.reads(ctx)
		for _, k := range all {
			blobs[hex.EncodeToString(k.ID[:])] = true
		}
		return err
	}
	if err := p.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	told := make(map[string][]Statement)
	for _, s := range statements(t, out) {
		told[s.Event] = append(told[s.Event], s)
		if s.Says == "" || strings.Contains(s.Says, "%!") || s.Time.IsZero() || s.Act == "" {
			t.Errorf("told was %+v", s)
		}
	}
	for event := range english.Steps {
		if told[event] == nil {
			t.Errorf("%s was never told", event)
		}
	}
	if len(told["act"]) != len(english.Acts) {
		t.Errorf("%d acts", len(told["act"]))
	}
	for _, s := range told["blob"] {
		if id := s.Evidence["id"].(string); !blobs[id] || s.Evidence["bytes"] != 4096.0 {
			t.Errorf("the mailbox has no %s: %v", id, s.Evidence)
		}
	}
	if len(blobs) != 3 {
		t.Errorf("%d messages are in the mailbox", len(blobs))
	}
	for _, s := range told["searched"] {
		if s.Evidence["files"].(float64) < 5 || s.Evidence["files_with_tag"] != 1.0 || s.Evidence["files_with_text"] != 0.0 {
			t.Errorf("searched was %v", s.Evidence)
		}
	}
	if trouble := told["refused"][0].Evidence["trouble"].(string); !strings.Contains(trouble, "no member") {
		t.Errorf("who was removed hears %q", trouble)
	}
	if air := told["all-air"][0].Evidence; air["packets"].(float64) < 100 || air["packets_with_text"] != 0.0 || air["texts"] != 4.0 {
		t.Errorf("the air: %v", air)
	}
}

// TestFaults plants what must not be: the story says so, ends there with exit code 1, and leaves nothing.
func TestFaults(t *testing.T) {
	dark := func(p *play) { p.patience = 200 * time.Millisecond }
	for _, c := range []struct {
		name, event, about string // the last but what ends all stories
		plant              func(*play)
	}{
		{"the supernode is never up", "missing", "serves", func(p *play) {
			p.acts[0].play = func(ctx context.Context) error {
				dark(p)
				return errors.Join(p.founded(communityName), p.raised(ctx))
			}
		}},
		{"it stops while somebody is away", "missing", "kept", func(p *play) {
			p.before("away", func() error {
				dark(p)
				end := p.shelf.end
				p.shelf.end = nil
				return end()
			})
		}},
		{"a home that cannot be made", "failed", "", func(p *play) {
			p.before("stage", func() error { return os.WriteFile(filepath.Join(p.dir, bruno), nil, 0o600) })
		}},
		{"a packet in clear", "leaked", "air", func(p *play) {
			p.before("sealed", func() error {
				_, err := p.air.over(p.anna.desk.Listen()).WriteTo([]byte("<"+english.Texts.Nearby+">"), p.anna.desk.Listen().LocalAddr())
				return err
			})
		}},
		{"a name on the supernode's disk", "leaked", "accounts", func(p *play) {
			p.before("community", func() error {
				me, err := p.bruno.node.Me(t.Context())
				return errors.Join(err, os.WriteFile(filepath.Join(p.shelf.dir, "notes"), []byte("who: "+me.ID), 0o600))
			})
		}},
		{"a text on the supernode's disk", "leaked", "searched", func(p *play) {
			p.before("away", func() error {
				return os.WriteFile(filepath.Join(p.shelf.dir, "mailbox", "notes"), []byte("… "+english.Texts.Away), 0o600)
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, out := rehearse(t, "C")
			c.plant(p)
			err := p.run(t.Context())
			if e := control.AsError(err); err == nil || e.ExitCode() != 1 {
				t.Errorf("it ends with %v", err)
			}
			all := statements(t, out)
			at := slices.IndexFunc(all, func(s Statement) bool { return failed[s.Event] })
			if at < 0 || all[at].Event != c.event || c.about != "" && all[at].Evidence["event"] != c.about || !strings.Contains(err.Error(), all[at].Says) {
				t.Fatalf("%v, and it told %+v", err, all)
			}
			if rest := all[at+1:]; len(rest) != 2 || rest[0].Event != "act" || rest[1].Event != "gone" {
				t.Errorf("after that it told %+v", rest)
			}
			if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder is left: %v", err)
			}
		})
	}
}

// TestStopped ends it in the middle, as Ctrl-C does.
func TestStopped(t *testing.T) {
	t.Parallel()
	p, out := rehearse(t, "C")
	ctx, cancel := context.WithCancel(t.Context())
	p.before("sealed", func() error { cancel(); return nil })
	err := p.run(ctx)
	if e := control.AsError(err); err == nil || e.ExitCode() != 1 || !strings.Contains(e.Message, "nothing is left") {
		t.Errorf("it ends with %v", err)
	}
	all := statements(t, out)
	if last := all[len(all)-1]; last.Event != "gone" || slices.ContainsFunc(all, func(s Statement) bool { return failed[s.Event] }) {
		t.Errorf("it told %+v", all)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}
