package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var (
	pageLink  = regexp.MustCompile(`\]\(([^)\s#]*)(?:#([^)\s]+))?\)`)
	namedTest = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`)
	namedFile = regexp.MustCompile("`((?:cmd|mesh|discovery|relay|docs|\\.ci)/[\\w./-]+)`")
)

// checkPages wants what pages name to be there: the pages and headings that they lead to, tests, and files of ours; and
// docs/architecture.md to name every package.
func checkPages(t *tree) (findings []string) {
	functions := t.functions()
	for _, name := range t.texts {
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			return append(findings, err.Error())
		}
		if path.Ext(name) != ".md" {
			continue
		}
		for _, link := range pageLink.FindAllStringSubmatch(string(text), -1) {
			if finding := t.follow(name, link[1], link[2]); finding != "" {
				findings = append(findings, name+": "+finding)
			}
		}
		for _, test := range namedTest.FindAllString(string(text), -1) {
			if !functions[test] {
				findings = append(findings, fmt.Sprintf("%s: there is no %s", name, test))
			}
		}
		for _, file := range namedFile.FindAllStringSubmatch(string(text), -1) {
			one := strings.Replace(file[1], "-N.", "-1.", 1) // any of several
			if _, err := fs.Stat(t.fsys, strings.TrimSuffix(one, "/")); err != nil {
				findings = append(findings, fmt.Sprintf("%s: there is no %s", name, file[1]))
			}
		}
		if name == "docs/architecture.md" {
			findings = append(findings, t.homeless(string(text))...)
		}
	}
	return findings
}

// functions are the names of all functions that are no methods.
func (t *tree) functions() map[string]bool {
	names := map[string]bool{}
	for _, file := range t.files {
		for _, decl := range file.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// follow says what is wrong with a link of a page.
func (t *tree) follow(page, target, anchor string) string {
	if strings.Contains(target, ":") {
		return ""
	}
	to := path.Join(path.Dir(page), target)
	if target == "" {
		to = page
	}
	if _, err := fs.Stat(t.fsys, to); err != nil {
		return "there is no " + to
	}
	if anchor != "" && !t.headings(to)[anchor] {
		return fmt.Sprintf("%s has no heading %s", to, anchor)
	}
	return ""
}

// homeless are the packages that docs/architecture.md does not name.
func (t *tree) homeless(architecture string) (findings []string) {
	seen := map[string]bool{}
	for _, file := range t.files {
		if seen[file.dir] || !strings.Contains(file.dir, "/") || strings.HasPrefix(file.dir, "docs/") {
			continue
		}
		seen[file.dir] = true
		named := regexp.MustCompile("(?m)(?:^|`)" + regexp.QuoteMeta(file.dir) + "(?:$|[ `])")
		if !named.MatchString(architecture) {
			findings = append(findings, "docs/architecture.md does not name "+file.dir)
		}
	}
	return findings
}
