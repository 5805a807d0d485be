package tidy

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"unicode"
)

var (
	specMark = regexp.MustCompile(`\bspec: *`)
	specLink = regexp.MustCompile(`\b([0-9]{2}-[a-z0-9-]+)#([\p{L}\p{N}_-]+)`)
)

// checkSpecLinks wants the NN-file#anchor behind the word spec in a comment to lead to a heading of docs/protocol/NN-file.md.
func checkSpecLinks(t *tree) (findings []string) {
	anchors := map[string]map[string]bool{}
	for _, file := range t.files {
		for _, group := range file.syntax.Comments {
			for _, comment := range group.List {
				links := specLink.FindAllStringSubmatch(comment.Text, -1)
				if len(links) < len(specMark.FindAllString(comment.Text, -1)) {
					findings = append(findings, t.at(comment.Pos(), "a spec: comment names no NN-file#anchor"))
				}
				for _, link := range links {
					page, anchor := link[1], link[2]
					if anchors[page] == nil {
						anchors[page] = t.headings("docs/protocol/" + page + ".md")
					}
					switch {
					case len(anchors[page]) == 0:
						findings = append(findings, t.at(comment.Pos(), "there is no page docs/protocol/%s.md", page))
					case !anchors[page][anchor]:
						findings = append(findings, t.at(comment.Pos(), "%s.md has no heading %s", page, anchor))
					}
				}
			}
		}
	}
	return findings
}

// headings returns the anchors that GitHub makes of a page's headings; none when there is no such page.
func (t *tree) headings(name string) map[string]bool {
	text, err := fs.ReadFile(t.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	anchors := map[string]bool{}
	fenced := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		title := strings.TrimLeft(line, "#")
		if fenced || title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		anchors[slug(title)] = true
	}
	return anchors
}

// slug makes an anchor as GitHub does: lower case, spaces to hyphens, all punctuation but - and _ dropped.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(title))
}
