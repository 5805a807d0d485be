package cli

import "testing"

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "8388608": 8 << 20, "500MiB": 500 << 20, " 1.5 GiB ": 3 << 29, "2GB": 2e9, "12 kB": 12e3, "7B": 7,
		"": -1, "-1": -1, "lots": -1, "1e300": -1, "NaN": -1, "2 GiB GiB": -1, "MiB": -1, "Inf": -1,
	} {
		if got, err := parseSize(text); (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 20: "1.0 MiB", 3 << 29: "1.5 GiB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: %q", bytes, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add("1.5 GiB")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if err == nil && n < 0 {
			t.Fatalf("%d bytes", n)
		}
		if err != nil {
			return
		}
		if again, err := parseSize(size(n)); err != nil || again > n+n/8+1 || again < n-n/8-1 {
			t.Fatalf("%d is shown as %q", n, size(n))
		}
	})
}
