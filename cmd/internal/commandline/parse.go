package commandline

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// farTypo is from how many wrong letters on nobody can have meant a word.
const farTypo = 3

// mostNamed is how many of the words that could follow an error names.
const mostNamed = 5

// Error is what is wrong with a command line.
type Error struct {
	Command *Command // as far as it was understood
	err     error
}

func (e *Error) Error() string { return e.err.Error() }

// Parse sets the grammar's values from the arguments, which come without the program's name, and gives the command that is
// chosen. With help true, help was asked for that command and nothing else is to be done. An error is an *Error.
func (c *Command) Parse(args []string) (chosen *Command, help bool, err error) {
	p := &parser{at: c}
	for _, arg := range args {
		p.words = append(p.words, word{text: arg})
	}
	if err = p.preset(c); err == nil {
		err = p.follow()
	}
	if err != nil {
		return nil, false, &Error{p.at, err}
	}
	if c.Flags[0].given && c.Flags[0].target.Bool() {
		return p.at, true, nil
	}
	if p.at.meant != nil {
		p.at = p.at.meant
	}
	if err := p.check(); err != nil {
		return nil, false, &Error{p.at, err}
	}
	return p.at, false, nil
}

// parser goes through the words of a command line.
type parser struct {
	at    *Command // as far as the words have chosen it
	args  int      // how many arguments of it are there
	words []word   // those to come
}

// word is one of a command line, or a piece of one.
type word struct {
	text string
	kind kind
}

type kind int

const (
	unknown  kind = iota
	longFlag      // with its dashes
	shortFlag
	flagValue // what follows the = of a long flag
	shortTail // what follows the letter of a short one
	argument
	end // no word
)

// String is how errors call it.
func (k kind) String() string {
	return [...]string{"untyped", "long flag", "short flag", "flag value", "short flag remainder", "positional argument", "<EOL>"}[k]
}

// seen is the kind of a word that may not have been looked at yet.
func (w word) seen() kind {
	switch {
	case w.kind != unknown:
		return w.kind
	case strings.HasPrefix(w.text, "--"):
		return longFlag
	case strings.HasPrefix(w.text, "-") && w.text != "-":
		return shortFlag
	}
	return argument
}

func (w word) isValue() bool {
	return slices.Contains([]kind{flagValue, shortTail, argument}, w.seen())
}

func (p *parser) peek() word {
	if len(p.words) == 0 {
		return word{"EOL", end}
	}
	return p.words[0]
}

func (p *parser) pop() word {
	w := p.peek()
	p.words = p.words[min(1, len(p.words)):]
	return w
}

func (p *parser) push(w ...word) { p.words = slices.Concat(w, p.words) }

// noFlags makes arguments of all that follows.
func (p *parser) noFlags() {
	for i := range p.words {
		p.words[i].kind = argument
	}
}

// preset gives all values of a command and of those under it their defaults.
func (p *parser) preset(c *Command) error {
	for _, flag := range c.Flags {
		if err := flag.reset(os.Getenv(flag.Env)); err != nil {
			return fmt.Errorf("%w (from %s)", err, flag.Env)
		}
	}
	for _, arg := range c.Args {
		if err := arg.reset(""); err != nil {
			return err
		}
	}
	for _, child := range c.Children {
		if err := p.preset(child); err != nil {
			return err
		}
	}
	return nil
}

func (v *Value) reset(env string) error {
	v.given = false
	v.target.SetZero()
	switch {
	case env != "":
		return v.set(&parser{words: []word{{env, flagValue}}})
	case v.preset != nil:
		return v.set(&parser{words: []word{{*v.preset, flagValue}}})
	}
	return nil
}

// follow goes through all words.
func (p *parser) follow() error {
	for len(p.words) > 0 {
		if err := p.step(p.peek()); err != nil {
			return err
		}
	}
	return nil
}

// step takes the next word, or makes two of it.
func (p *parser) step(w word) error {
	switch w.seen() {
	case longFlag:
		if w.kind == longFlag {
			return p.takeFlag(w)
		}
		if w.text == "--" {
			p.noFlags()
			if p.args >= len(p.at.Args) || !p.at.Args[p.args].rest {
				p.pop()
			}
			return nil
		}
		p.pop()
		name, value, given := strings.Cut(w.text, "=")
		if given {
			p.push(word{value, flagValue})
		}
		p.push(word{name, longFlag})
	case shortFlag:
		if w.kind == shortFlag {
			return p.takeFlag(w)
		}
		p.pop()
		p.letter(w.text[1:])
	case shortTail:
		p.pop()
		p.letter(w.text)
	case flagValue:
		return fmt.Errorf("unexpected flag argument %q", w.text)
	default:
		return p.takeArgument(w)
	}
	return nil
}

// letter takes the first letter of several flags in a word.
func (p *parser) letter(letters string) {
	if tail := letters[1:]; tail != "" {
		p.push(word{tail, shortTail})
	}
	p.push(word{"-" + letters[:1], shortFlag})
}

func (p *parser) takeFlag(w word) error {
	var known []string
	for _, flag := range slices.Concat(p.at.FlagsByLevel()...) {
		known = append(known, "--"+flag.Name)
		if flag.Short != "" {
			known = append(known, "-"+flag.Short)
		}
		if w.text != "--"+flag.Name && (flag.Short == "" || w.text != "-"+flag.Short) {
			continue
		}
		p.pop()
		err := flag.set(p)
		if missing, ok := errors.AsType[*noValueError](err); ok && (missing.got.seen() == longFlag || missing.got.seen() == shortFlag) {
			return fmt.Errorf("%w; perhaps try --%s=%q?", err, flag.Name, missing.got.text)
		}
		flag.given = true
		return err
	}
	if p.args < len(p.at.Args) && p.at.Args[p.args].rest {
		p.words[0].kind = argument
		return nil
	}
	return unknownError("unknown flag "+w.text, w.text, known)
}

func (p *parser) takeArgument(w word) error {
	if p.args < len(p.at.Args) {
		arg := p.at.Args[p.args]
		if arg.rest {
			p.noFlags()
		}
		p.args++
		arg.given = true
		return arg.set(p)
	}
	var known []string
	for _, child := range p.at.Children {
		if child.Name == w.text {
			p.pop()
			p.at, p.args = child, 0
			return nil
		}
		if !child.Hidden {
			known = append(known, child.Name)
		}
	}
	return unknownError("unexpected argument "+w.text, w.text, known)
}

// unknownError says what could have been meant.
func unknownError(text, got string, known []string) error {
	var near []string
	for _, one := range known {
		if strings.HasPrefix(one, got) || distance(one, got) < farTypo {
			near = append(near, strconv.Quote(one))
		}
	}
	switch len(near) {
	case 0:
		return errors.New(text)
	case 1:
		return fmt.Errorf("%s, did you mean %s?", text, near[0])
	}
	return fmt.Errorf("%s, did you mean one of %s?", text, strings.Join(near, ", "))
}

// distance is how many letters must be put in, left out or changed to turn a into b.
func distance(a, b string) int {
	to := []rune(b)
	row := make([]int, len(to)+1) // from what was read of a to each beginning of b
	for i := range row {
		row[i] = i
	}
	for _, letter := range a {
		diagonal := row[0]
		row[0]++
		for i, other := range to {
			changed := diagonal
			if letter != other {
				changed++
			}
			diagonal = row[i+1]
			row[i+1] = min(changed, diagonal+1, row[i]+1)
		}
	}
	return row[len(to)]
}

// noValueError is a flag or the end where a value should be.
type noValueError struct {
	what string
	got  word
}

func (e *noValueError) Error() string {
	return fmt.Sprintf("expected %s value but got %q (%s)", e.what, e.got.text, e.got.seen())
}

// set takes the words that are the value.
func (v *Value) set(p *parser) error {
	err := v.take(p)
	if err != nil {
		return fmt.Errorf("%s: %w", v.label(), err)
	}
	return nil
}

func (v *Value) take(p *parser) error {
	target := v.target
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	switch target.Interface().(type) {
	case bool:
		return v.takeBool(p)
	case []string:
		return v.takeStrings(p)
	case time.Duration:
		text, err := p.value("duration")
		if err != nil {
			return err
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("expected duration but got %q: %w", text, err)
		}
		target.SetInt(int64(d))
	case int, int64:
		text, err := p.value("int")
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return fmt.Errorf("expected a valid 64 bit int but got %q", text)
		}
		target.SetInt(n)
	default:
		text, err := p.value("string")
		if err != nil {
			return err
		}
		target.SetString(text)
	}
	return nil
}

// value is the next word, if it can be a value of the kind that an error names.
func (p *parser) value(what string) (string, error) {
	w := p.pop()
	if !w.isValue() {
		return "", &noValueError{what, w}
	}
	return w.text, nil
}

func (v *Value) takeBool(p *parser) error {
	yes := true
	if p.peek().kind == flagValue {
		switch text := strings.ToLower(p.pop().text); text {
		case "true", "1", "yes":
		case "false", "0", "no":
			yes = false
		default:
			return fmt.Errorf("bool value must be true, 1, yes, false, 0 or no but got %q", text)
		}
	}
	v.target.SetBool(yes)
	return nil
}

func (v *Value) takeStrings(p *parser) error {
	texts := v.target.Interface().([]string)
	if v.flag {
		if p.peek().kind == end {
			return errors.New(`missing value, expecting "<arg>"`)
		}
		text, err := p.value("string")
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	for !v.flag && p.peek().isValue() {
		texts = append(texts, p.pop().text)
	}
	v.target.Set(reflect.ValueOf(texts))
	return nil
}

// check finds what is missing, or does not go together, when all words are taken.
func (p *parser) check() error {
	var line []*Command // from the program to the command
	for c := p.at; c != nil; c = c.Parent {
		line = append([]*Command{c}, line...)
	}
	for _, c := range line {
		if err := c.checkWords(); err != nil {
			return err
		}
	}
	for _, c := range line {
		if err := c.checkFlags(); err != nil {
			return err
		}
	}
	return p.at.checkRest()
}

// checkWords finds a value that is not one of the words it may be. One that must be given and is not is missing, not wrong.
func (c *Command) checkWords() error {
	values := slices.Clone(c.Args)
	for i := len(c.Flags); i > 0; i-- {
		values = slices.Insert(values, 0, &c.Flags[i-1].Value)
	}
	for _, v := range values {
		if v.Enum == nil || v.required && !v.given || slices.Contains(v.Enum, v.target.String()) {
			continue
		}
		var may []string
		for _, one := range v.Enum {
			may = append(may, strconv.Quote(one))
		}
		return fmt.Errorf("%s must be one of %s but got %q", v.label(), strings.Join(may, ","), v.target.String())
	}
	return nil
}

func (c *Command) checkFlags() error {
	var missing []string
	for _, flag := range c.Flags {
		if flag.required && !flag.given {
			missing = append(missing, flag.Summary())
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("missing flags: %s", strings.Join(missing, ", "))
}

// checkRest finds arguments or a command that are missing, and flags that exclude each other.
func (c *Command) checkRest() error {
	var args, missing []string
	for _, arg := range c.Args {
		if arg.required && !arg.given {
			args = append(args, arg.Summary())
		}
	}
	if args != nil {
		missing = append(missing, strconv.Quote(strings.Join(args, " ")))
	}
	for _, child := range c.Children {
		if !child.Hidden {
			missing = append(missing, strconv.Quote(child.Name))
		}
	}
	if len(missing) > mostNamed {
		missing = append(missing[:mostNamed], "...")
	}
	switch len(missing) {
	case 0:
	case 1:
		return fmt.Errorf("expected %s", missing[0])
	default:
		return fmt.Errorf("expected one of %s", strings.Join(missing, ", "))
	}
	first := map[string]string{}
	for _, flag := range c.Flags {
		if flag.xor == "" || !flag.given {
			continue
		}
		if other, ok := first[flag.xor]; ok {
			return fmt.Errorf("--%s and --%s can't be used together", other, flag.Name)
		}
		first[flag.xor] = flag.Name
	}
	return nil
}
