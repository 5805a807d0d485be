package cli

import (
	"errors"
	"os"

	"sottovoce/cmd/internal/control"
)

// placeWords makes sure, before anything is founded, that the root words of a new community can be shown once and stay nowhere. It
// returns the file that they go to; nil where that is standard output, or where there are no new ones.
func (i *supernodeInitCommand) placeWords(c *call) (*os.File, error) {
	switch {
	case i.Join != "" || i.RootWordsFile != "":
		return nil, nil
	case i.WordsTo != "":
		return openInMemory(i.WordsTo, i.From != "")
	case isJournal(c.Stdout):
		return nil, control.Errorf(control.CodeUsage, "standard output is the journal, where the root words would stay; send them to memory with --words-to, such as to a file below /run")
	case i.From != "" && !isTerminal(c.Stdout):
		return nil, control.Errorf(control.CodeUsage, "nobody is at a terminal to read the root words; send them to memory with --words-to, such as to a file below /run")
	}
	return nil, nil
}

// openInMemory opens an empty file of ours that no disk holds; it is made if there is none. What is in it is of a founding that was cut
// short, where stale says so, and goes.
func openInMemory(name string, stale bool) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, control.Errorf(control.CodeUsage, "the root words cannot go there: %v", err)
	}
	is, err := f.Stat()
	switch {
	case err == nil && !isOurs(is):
		err = control.Errorf(control.CodeUsage, "%s is somebody else's, who could read the root words; name a file that is not there yet", name)
	case err == nil && (!is.Mode().IsRegular() || is.Size() > 0 && !stale):
		err = control.Errorf(control.CodeUsage, "%s holds something already: read it, remove it, and try again", name)
	case err == nil && !inMemory(f):
		err = control.Errorf(control.CodeUsage, "%s is on a disk, where root words do not belong; name a file in memory, such as below /run", name)
		if is.Size() == 0 {
			err = errors.Join(err, os.Remove(name))
		}
	case err == nil:
		err = errors.Join(f.Truncate(0), f.Chmod(0o600))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// keepWords writes the root words of a community that is about to be founded to the file that they go to, and forgets them.
func keepWords(f *os.File, words []byte) error {
	defer clear(words)
	rows := []byte(inRows(words))
	defer clear(rows)
	_, err := f.Write(rows)
	return errors.Join(err, f.Close())
}

// dropEmpty removes a file for words that were never told. Once they were told there may be a community that they are of, whatever went wrong.
func dropEmpty(f *os.File) error {
	if f == nil {
		return nil
	}
	is, err := os.Stat(f.Name())
	if err != nil || is.Size() > 0 {
		return err
	}
	return os.Remove(f.Name())
}
