package cli

import (
	"bufio"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sottovoce/cmd/internal/control"
)

// faceFiles is what the face does with files, as the commands do it.
type faceFiles struct{}

// Write is tui.Files'.
func (faceFiles) Write(path string, told func(bytes int64), fill func(io.Writer) error) (size int64, err error) {
	return newFile(ownFolder(path), func(n int64) {
		if n >= 0 {
			told(n)
		}
	}, fill)
}

// Export is tui.Files'.
func (faceFiles) Export(w io.Writer, messages iter.Seq2[control.Message, error], me control.Me, page bool) (count int, err error) {
	out := bufio.NewWriterSize(w, exportBuffer)
	format := exportLines
	if page {
		format = exportPage
	}
	if count, err = format(out, messages, me); err != nil {
		return count, err
	}
	return count, out.Flush()
}

// Diagnose is tui.Files'.
func (faceFiles) Diagnose(w io.Writer, d control.Diagnostics) error { return writeDiagnostics(w, d) }

// ownFolder is a path as a person types it: ~ is their own folder.
func ownFolder(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if own, err := os.UserHomeDir(); err == nil {
			return own + rest
		}
	}
	return path
}

// backupPlaces are where backups lie that somebody wants to bring back: here, in one's own folder and where browsers and sticks put
// files.
var backupPlaces = []string{".", "~", "~/Downloads", "/media/*", "/media/*/*", "/run/media/*/*"}

// backupsMax is how many are listed.
const backupsMax = 9

// findBackups are the files there whose names end as those of backups do, as a person would type them.
func findBackups() (found []string) {
	own := ownFolder("~")
	for _, place := range backupPlaces {
		files, err := filepath.Glob(filepath.Join(ownFolder(place), "*.age"))
		if err != nil { // the patterns are ours, but a folder may be named like one
			continue
		}
		for _, file := range files {
			if whole, err := filepath.Abs(file); err == nil {
				file = whole
			}
			if rest, ok := strings.CutPrefix(file, own+string(filepath.Separator)); ok {
				file = "~" + string(filepath.Separator) + rest
			}
			if !slices.Contains(found, file) && len(found) < backupsMax {
				found = append(found, file)
			}
		}
	}
	return found
}
