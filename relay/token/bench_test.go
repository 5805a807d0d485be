package token

import "testing"

// BenchmarkDraw is what a draw costs the client, blinding and finishing, a token.
func BenchmarkDraw(b *testing.B) {
	k := testKey(1)
	s, rand := issuerOf(b, k, testInfo(1)), seeded(1)
	for b.Loop() {
		d, err := NewDraw(rand, k.Public(), s.Info(), DrawStep)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		evaluated, proof, err := s.Evaluate(rand, d.Request())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := d.Finish(evaluated, proof); err != nil {
			b.Fatal(err)
		}
	}
	perToken(b, DrawStep)
}

// BenchmarkEvaluate is what a draw costs the supernode, a token.
func BenchmarkEvaluate(b *testing.B) {
	k := testKey(1)
	s, rand := issuerOf(b, k, testInfo(1)), seeded(1)
	d, err := NewDraw(rand, k.Public(), s.Info(), DrawStep)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := s.Evaluate(rand, d.Request()); err != nil {
			b.Fatal(err)
		}
	}
	perToken(b, DrawStep)
}

func BenchmarkRedeem(b *testing.B) {
	k := testKey(1)
	s := issuerOf(b, k, testInfo(1))
	token := drawn(b, s, k.Public(), 1, 1)[0]
	for b.Loop() {
		if err := s.Redeem(token); err != nil {
			b.Fatal(err)
		}
	}
}

func perToken(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/token")
}
