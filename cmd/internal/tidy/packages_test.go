package tidy

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// vague names say nothing about a package's duty.
var vague = []string{
	"manager", "handler", "service", "helper", "helpers", "util", "utils", "common", "misc", "data", "info", "base", "core",
}

// checkPackages wants one package comment per package, in one file, opening with the package's name.
func checkPackages(t *tree) (findings []string) {
	comments := map[string]int{}
	var dirs []string
	for _, file := range t.files {
		name := file.syntax.Name.Name
		if strings.HasSuffix(name, "_test") {
			continue
		}
		if !slices.Contains(dirs, file.dir) {
			dirs = append(dirs, file.dir)
			if slices.Contains(vague, path.Base(file.dir)) {
				findings = append(findings, fmt.Sprintf("%s: the name says nothing", file.dir))
			}
		}
		if file.syntax.Doc == nil {
			continue
		}
		comments[file.dir]++
		opening := "Package " + name + " "
		if name == "main" {
			opening = "Command " + path.Base(file.dir) + " "
		}
		if !strings.HasPrefix(file.syntax.Doc.Text(), opening) {
			findings = append(findings, t.at(file.syntax.Doc.Pos(), "the package comment does not open with %q", opening))
		}
	}
	for _, dir := range dirs {
		if n := comments[dir]; n != 1 {
			findings = append(findings, fmt.Sprintf("%s: has %d package comments, not one", dir, n))
		}
	}
	return findings
}
