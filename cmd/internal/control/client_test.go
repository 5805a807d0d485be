package control

import (
	"encoding/json"
	"testing"
)

// FuzzResult reads anything as a line of the answer to a batch: a message or an error, never both and never neither.
func FuzzResult(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"not_found","message":"nobody"}}`))
	f.Add([]byte(`{"id":"msg-a","conversation":{"kind":"direct"},"time":"2026-11-22T18:00:00Z","text":"x","state":"queued"}`))
	f.Add([]byte(`{"error":null}`))
	f.Add([]byte("null"))
	f.Add([]byte("nonsense"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		result := parseResult(raw)
		if result.Err != nil && AsError(result.Err).ExitCode() == 0 {
			t.Errorf("%q fails with %v", raw, result.Err)
		}
		if _, err := json.Marshal(result.Message); result.Err == nil && err != nil {
			t.Errorf("%q is a message that cannot be written: %v", raw, err)
		}
	})
}
