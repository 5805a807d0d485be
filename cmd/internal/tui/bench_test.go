package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
	"sottovoce/cmd/internal/tui/paint"
	"sottovoce/cmd/internal/tui/words"
)

// newBenchmarked is a face with a conversation of as many messages as are kept in memory, and 500 contacts.
func newBenchmarked(b *testing.B, text string) (*Model, *transcript) {
	b.Helper()
	theme := paint.Dark
	m := New(context.Background(), controltest.New("Anna"), Beginning{Exists: true}, nil, Look{Words: words.English(), Theme: &theme, Now: time.Now, Zone: time.UTC})
	m.me.ID = "acct-anna"
	for i := range 500 {
		m.people.put(control.Person{ID: fmt.Sprintf("acct-%03d", i), Name: fmt.Sprintf("Contact %d", i), Contact: true, Online: i%3 == 0})
	}
	m.open = "acct-007"
	t := newTranscript()
	m.talks[m.open] = t
	all := make([]control.Message, keptMax)
	for i := range all {
		all[i] = message(i, text)
	}
	t.reset(all)
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	m.View()
	b.ReportAllocs()
	b.ResetTimer()
	return m, t
}

func message(i int, text string) control.Message {
	return control.Message{
		ID: fmt.Sprint("msg-", i), Text: text, Time: controltest.Start.Add(time.Duration(i) * time.Second),
		Conversation: control.Conversation{With: "acct-007"}, From: control.Person{ID: "acct-007", Name: "Contact 7"},
	}
}

const benchmarkText = "we meet at eight in front of the library, and if it rains, inside, beside the newspapers"

// BenchmarkKey is one key and the screen after it.
func BenchmarkKey(b *testing.B) {
	m, _ := newBenchmarked(b, benchmarkText)
	for i := range b.N {
		if i%100 == 0 {
			m.editor().set("")
		}
		m.Update(tea.KeyPressMsg(tea.Key{Code: 'x', Text: "x"}))
		m.View()
	}
}

// BenchmarkKeyInLongText is the same at the end of a text of 60,000 bytes.
func BenchmarkKeyInLongText(b *testing.B) {
	m, _ := newBenchmarked(b, benchmarkText)
	m.editor().insert(strings.Repeat("a text of words ", 3700))
	for i := range b.N {
		m.Update(press([]string{"x", "backspace"}[i%2]))
		m.View()
	}
}

// BenchmarkArrival is a message that arrives, and the screen after it.
func BenchmarkArrival(b *testing.B) {
	m, _ := newBenchmarked(b, benchmarkText)
	for i := range b.N {
		msg := message(keptMax+i, benchmarkText)
		m.Update(happened{{Event: control.EventMessage, Message: &msg}})
		m.View()
	}
}

// BenchmarkPageUp is a page back in what is laid out already, far up.
func BenchmarkPageUp(b *testing.B) {
	m, t := newBenchmarked(b, benchmarkText)
	for i := range b.N {
		if i%10 == 0 {
			t.offset = 500
		}
		m.Update(press("pgup"))
		m.View()
	}
}

// BenchmarkLongDetails is a key at the details of the longest message that there can be.
func BenchmarkLongDetails(b *testing.B) {
	m, _ := newBenchmarked(b, benchmarkText)
	msg := message(0, strings.Repeat("\n", 60_000))
	m.node = changing{&mortal{Fake: controltest.New("Anna")}}
	m.details(msg)().(then)(m)
	b.ResetTimer()
	for i := range b.N {
		m.Update(press([]string{"pgdown", "pgup"}[i%2]))
		m.View()
	}
}

// BenchmarkLongest is the layout of the longest messages that there can be: of words, and of newlines only.
func BenchmarkLongest(b *testing.B) {
	for name, text := range map[string]string{"words": strings.Repeat("a text of words ", 3700), "newlines": strings.Repeat("\n", 10_000), "marks": "e" + strings.Repeat("\u0301", 10_000)} {
		b.Run(name, func(b *testing.B) {
			m, t := newBenchmarked(b, text)
			for i := range b.N {
				clear(t.rows)
				msg := message(keptMax+i, text)
				m.Update(happened{{Event: control.EventMessage, Message: &msg}})
				m.View()
			}
		})
	}
}
