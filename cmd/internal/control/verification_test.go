package control_test

import (
	"context"
	"iter"
	"testing"

	"sottovoce/cmd/internal/control"
	"sottovoce/cmd/internal/control/controltest"
)

func testVerification(t *testing.T, f *controltest.Fake, node control.Node) {
	bob := f.Befriend(f.Meet("Bob").ID)
	v := must(node.Verification(t.Context(), "Bob"))
	if v.Person.ID != bob.ID || v.Person.Keys != control.KeysOK || len(v.Words) != 16 || v.Comparison.State != control.ComparisonNone {
		t.Errorf("before: %+v", v)
	}
	_, err := node.Verification(t.Context(), "nobody")
	wantCode(t, err, control.CodeNotFound)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, stop := iter.Pull2(must(node.Events(ctx, nil)))
	defer stop()
	asked := must(node.Compare(t.Context(), "Bob"))
	if asked.State != control.ComparisonAsked || asked.ID == "" {
		t.Errorf("asked: %+v", asked)
	}
	f.JoinComparison(bob.ID)
	for _, want := range []control.ComparisonState{control.ComparisonAsked, control.ComparisonShown} {
		if e, err, _ := events(); err != nil || e.Event != control.EventVerification || e.Person.ID != bob.ID || e.Comparison.State != want {
			t.Errorf("instead of %s: %+v, %v", want, e, err)
		}
	}
	if v = must(node.Verification(t.Context(), "Bob")); len(v.Comparison.Emoji) != 7 || v.Comparison.Emoji[0].Italian == "" {
		t.Errorf("while they compare: %+v", v.Comparison)
	}
	_, err = node.Decide(t.Context(), "Bob", control.Decision{Answer: control.AnswerMatch, Comparison: "another"})
	wantCode(t, err, control.CodeRefused)
	if p := must(node.Decide(t.Context(), "Bob", control.Decision{Answer: control.AnswerMatch, Comparison: asked.ID})); !p.Verified {
		t.Errorf("compared, Bob is %+v", p)
	}
	f.ChangeKeys(bob.ID, control.KeysAlarm)
	_, err = node.Decide(t.Context(), "Bob", control.Decision{Answer: control.AnswerWords})
	wantCode(t, err, control.CodeRefused)
	if p := must(node.Decide(t.Context(), "Bob", control.Decision{Answer: control.AnswerAccept})); p.Keys != control.KeysOK || p.Verified {
		t.Errorf("accepted, Bob is %+v", p)
	}
	_, err = node.Decide(t.Context(), "Bob", control.Decision{Answer: "perhaps"})
	wantCode(t, err, control.CodeUsage)
}
