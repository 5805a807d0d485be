package cli

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

// A code is drawn as it is, black on white with its border, on a terminal of 80 by 24 and in a file.
func TestCode(t *testing.T) {
	link := "sottovoce:" + strings.Repeat("abcdefghijklmnopqrstuvwxyz234567", 3) + "abcde"
	c, err := newCode(link)
	if err != nil {
		t.Fatal(err)
	}
	drawn := strings.Split(strings.TrimSuffix(c.terminal(), "\n"), "\n")
	width := c.Size + 2*quietZone
	if len(drawn) > 22 || width > 80 {
		t.Errorf("%d lines of %d characters, with the link more than 24 of 80", len(drawn), width)
	}
	black := func(x, y int) bool { // as drawn
		line := strings.TrimSuffix(strings.TrimPrefix(drawn[(y+quietZone)/2], blackOnWhite), plain)
		if n := len([]rune(line)); n != width {
			t.Fatalf("a line of %d characters, not %d", n, width)
		}
		char := []rune(line)[x+quietZone]
		if (y+quietZone)%2 == 0 {
			return char == '▀' || char == '█'
		}
		return char == '▄' || char == '█'
	}
	var file bytes.Buffer
	if err := c.writePNG(&file); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(&file)
	if err != nil {
		t.Fatal(err)
	}
	if got := picture.Bounds().Dx(); got != width*pngModule {
		t.Errorf("a picture of %d pixels, not %d", got, width*pngModule)
	}
	dark := 0
	for y := -quietZone; y < c.Size+quietZone; y++ {
		for x := -quietZone; x < c.Size+quietZone; x++ {
			want := x >= 0 && y >= 0 && x < c.Size && y < c.Size && c.Black(x, y)
			r, _, _, _ := picture.At((x+quietZone)*pngModule+1, (y+quietZone)*pngModule+1).RGBA()
			if black(x, y) != want || (r == 0) != want {
				t.Fatalf("module %d, %d: drawn %v, painted %v, want %v", x, y, black(x, y), r == 0, want)
			}
			if want {
				dark++
			}
		}
	}
	if dark < c.Size*c.Size/4 {
		t.Errorf("%d of %d modules are black", dark, c.Size*c.Size)
	}
	if small, err := newCode(strings.ToUpper(link)); err != nil || small.Size != c.Size {
		t.Error("upper case makes another code")
	}
	if _, err := newCode(strings.Repeat("x", 5000)); err == nil {
		t.Error("what fits no code became one")
	}
}
