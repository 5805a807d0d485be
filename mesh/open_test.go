package mesh

import "testing"

// FuzzParseEndpoint: what is taken for an address is one, and is read as itself again.
func FuzzParseEndpoint(f *testing.F) {
	for _, typed := range []string{"192.0.2.7:4242", "[fe80::1%eth0]:4242", " [::1]:1 ", "192.0.2.7", "bert:4242", "192.0.2.7:0", "[::ffff:1.2.3.4]:9"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		endpoint, ok := parseEndpoint(typed)
		if !ok {
			return
		}
		if again, ok := parseEndpoint(endpoint.String()); !ok || again != endpoint || endpoint.Port() == 0 {
			t.Errorf("%q is %v, and that is %v", typed, endpoint, again)
		}
	})
}
