// Package commandline reads the arguments of a program by a grammar, which is a struct with tags, and prints the help.
//
// A field is a flag, or with the tag arg an argument, or with the tag cmd a command whose own struct goes on. The other tags:
// help; name (else the field's, in lower case with dashes); short, the letter of a flag; placeholder, what help shows for a
// value; env, the variable that stands for a flag; default and enum (words with commas between them) of a value; required, of a
// flag; xor, a word that flags share of which only one may be given; optional, of an argument; passthrough, of one that takes
// all that follows, flags too; hidden, of a command; and default on the command that is meant where none is named. A struct
// with a method Help tells more about its command. Values are bool, int, string, time.Duration, []string, and pointers to int, int64 and string, which are
// nil where nothing is said.
//
// It asks no value for methods by their names, as general libraries for this do: where a program does that anywhere, the
// linker must keep every exported method of every type (docs/adr/0033).
package commandline

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Command is one command of a grammar. The program itself is the one without a parent.
type Command struct {
	Name, Help string
	Detail     string // what its struct's method Help says
	Hidden     bool
	Parent     *Command
	Children   []*Command
	Flags      []*Flag
	Args       []*Value
	Target     any // pointer to its struct in the grammar

	meant *Command // the child that is meant where none is named
}

// types are those of values.
var types = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[time.Duration](), reflect.TypeFor[[]string](),
	reflect.TypeFor[*int](), reflect.TypeFor[*int64](), reflect.TypeFor[*string](),
}

// Value is what a flag or an argument sets.
type Value struct {
	Name, Help string
	Enum       []string // the words it may be; none: any

	target   reflect.Value
	flag     bool
	required bool
	preset   *string // its default
	rest     bool    // an argument that takes all that follows
	given    bool
}

// Flag is a value with a name on the command line.
type Flag struct {
	Value
	Short       string // one letter, or empty
	PlaceHolder string // what help shows for its value
	Env         string // the variable that stands for it; empty: none

	xor string
}

// New reads a grammar: a pointer to a struct, which Parse sets. It panics where the struct is none.
func New(name, help string, grammar any) *Command {
	root := &Command{Name: name, Help: help, Target: grammar}
	asked := reflect.New(reflect.TypeFor[bool]()).Elem()
	root.Flags = []*Flag{{Value: Value{Name: "help", Help: "Show this help.", target: asked, flag: true}, Short: "h"}}
	root.fields(reflect.ValueOf(grammar).Elem())
	return root
}

func (c *Command) fields(of reflect.Value) {
	for i := range of.NumField() {
		field, target := of.Type().Field(i), of.Field(i)
		tag := field.Tag
		name := tag.Get("name")
		if name == "" {
			name = dashed(field.Name)
		}
		if has(tag, "cmd") {
			c.child(name, tag, target)
			continue
		}
		value := Value{Name: name, Help: tag.Get("help"), target: target, rest: has(tag, "passthrough")}
		if preset, ok := tag.Lookup("default"); ok {
			value.preset = &preset
		}
		if words := tag.Get("enum"); words != "" {
			value.Enum = strings.Split(words, ",")
		}
		if !slices.Contains(types, target.Type()) {
			panic(fmt.Sprintf("commandline: no value can be a %s, as %s is", target.Type(), field.Name))
		}
		if has(tag, "arg") {
			value.required = !has(tag, "optional")
			c.Args = append(c.Args, &value)
			continue
		}
		value.flag, value.required = true, has(tag, "required")
		c.Flags = append(c.Flags, &Flag{
			Value: value, Short: tag.Get("short"), PlaceHolder: tag.Get("placeholder"), Env: tag.Get("env"), xor: tag.Get("xor"),
		})
	}
}

func (c *Command) child(name string, tag reflect.StructTag, target reflect.Value) {
	child := &Command{Name: name, Help: tag.Get("help"), Hidden: has(tag, "hidden"), Parent: c, Target: target.Addr().Interface()}
	if more, ok := child.Target.(interface{ Help() string }); ok {
		child.Detail = more.Help()
	}
	c.Children = append(c.Children, child)
	if has(tag, "default") {
		c.meant = child
	}
	child.fields(target)
}

func has(tag reflect.StructTag, key string) bool {
	_, ok := tag.Lookup(key)
	return ok
}

// dashed turns LocalOnly into local-only.
func dashed(name string) string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if unicode.IsUpper(r) && small {
			b.WriteByte('-')
		}
		small = !unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Path is the command's name after those of the commands that it is part of, without the program's.
func (c *Command) Path() string {
	if c.Parent == nil {
		return ""
	}
	return strings.TrimSpace(c.Parent.Path() + " " + c.Name)
}

// FlagsByLevel are all flags that the command takes: the program's own, and so on to those of the command itself.
func (c *Command) FlagsByLevel() (levels [][]*Flag) {
	if c.Parent != nil {
		levels = c.Parent.FlagsByLevel()
	}
	if len(c.Flags) > 0 {
		levels = append(levels, c.Flags)
	}
	return levels
}

// Leaves are the commands under this one that have none under themselves, without the hidden ones.
func (c *Command) Leaves() (leaves []*Command) {
	for _, child := range c.Children {
		switch {
		case child.Hidden:
		case len(child.Children) == 0:
			leaves = append(leaves, child)
		default:
			leaves = append(leaves, child.Leaves()...)
		}
	}
	return leaves
}

// IsBool tells whether a flag needs no value.
func (v *Value) IsBool() bool { return v.target.Kind() == reflect.Bool }

// label is how errors name it.
func (v *Value) label() string {
	if v.flag {
		return "--" + v.Name
	}
	return v.Summary()
}

// Summary is how help shows an argument.
func (v *Value) Summary() string {
	text := "<" + v.Name + ">"
	if v.target.Kind() == reflect.Slice {
		text += " ..."
	}
	if !v.required {
		text = "[" + text + "]"
	}
	return text
}

// Summary is how help shows a flag, without its letter.
func (f *Flag) Summary() string {
	if f.IsBool() {
		return "--" + f.Name
	}
	return "--" + f.Name + "=" + f.PlaceHolder
}
