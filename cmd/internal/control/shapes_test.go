package control

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestState(t *testing.T) {
	way := []State{StateQueued, StateHeld, StateDelivered, StateRead}
	for i, s := range way {
		for j, want := range way {
			if s.Reached(want) != (i >= j) {
				t.Errorf("%s has reached %s: %v", s, want, s.Reached(want))
			}
		}
		if s.Over() || StateExpired.Reached(s) || StateFailed.Reached(s) || State("later").Reached(s) {
			t.Errorf("%s is the end of the way", s)
		}
	}
	if !StateExpired.Over() || !StateFailed.Over() {
		t.Error("expired and failed are not the end")
	}
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[Code][2]int{
		CodeFailed: {500, 1}, CodeUsage: {400, 2}, CodeAmbiguous: {409, 2}, CodeNoIdentity: {409, 2}, CodeNotFound: {404, 3}, CodeGone: {410, 3},
		CodeTimeout: {504, 4}, CodeNotRunning: {503, 5}, CodeTooLong: {413, 1}, CodeRefused: {403, 1}, CodeFull: {507, 1},
		CodeRunning: {409, 1}, "of a newer node": {500, 1},
	} {
		if e := Errorf(code, "x"); e.Status() != want[0] || e.ExitCode() != want[1] {
			t.Errorf("%s is %d, %d", code, e.Status(), e.ExitCode())
		}
	}
}

func TestAsError(t *testing.T) {
	if AsError(nil) != nil {
		t.Error("no error became one")
	}
	ours := Errorf(CodeFull, "full")
	for _, test := range []struct {
		err  error
		code Code
		text string
	}{
		{fmt.Errorf("sending: %w", ours), CodeFull, "full"},
		{context.DeadlineExceeded, CodeTimeout, "context deadline exceeded"},
		{errors.Join(errors.New("one"), errors.New("two")), CodeFailed, "one two"},
	} {
		if e := AsError(test.err); e.Code != test.code || e.Message != test.text {
			t.Errorf("%v became %+v", test.err, e)
		}
	}
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n\ttext":           "plain\n\ttext",
		"a\r\nb\rc":               "a\nb�c",
		"\x1b[31mred\x1b[0m":      "�[31mred�[0m",
		"\u009b31m":               "�31m",
		"abc\u202etxt.exe":        "abc�txt.exe",
		"\u2066x\u2069":           "�x�",
		"one\u2028two":            "one�two",
		"שלום\u200f!":             "שלום!",
		"👩\u200d🔬 क\u094d\u200dष": "👩\u200d🔬 क\u094d\u200dष",
		"\xff":                    "�",
		"\U000e0041":              "",
		"\x00\x07\x7f":            "���",
	} {
		if got := Show(in); got != want {
			t.Errorf("%q is shown as %q, not %q", in, got, want)
		}
	}
}

func FuzzShow(f *testing.F) {
	f.Add("\x1b]0;title\x07 \u202e\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Show(text) {
			if r != '\n' && r != '\t' && Unseen(r) {
				t.Errorf("%q is shown with %U", text, r)
			}
		}
	})
}
