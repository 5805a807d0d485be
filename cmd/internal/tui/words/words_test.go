package words

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var verb = regexp.MustCompile("%[a-z]")

// Every catalogue has every word, with the arguments of the English one.
func TestComplete(t *testing.T) {
	english := reflect.ValueOf(English()).Elem()
	for _, c := range All() {
		v := reflect.ValueOf(c).Elem()
		for i := range v.NumField() {
			same(t, c.Language+" "+v.Type().Field(i).Name, english.Field(i), v.Field(i))
		}
	}
}

func same(t *testing.T, name string, english, other reflect.Value) {
	t.Helper()
	switch english.Kind() {
	case reflect.String:
		if strings.TrimSpace(other.String()) == "" && english.String() != "" {
			t.Errorf("%s is missing", name)
		}
		want, got := verb.FindAllString(english.String(), -1), verb.FindAllString(other.String(), -1)
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s takes %q, in English %q", name, got, want)
		}
		if strings.ContainsAny(other.String(), "\x1b\x07") {
			t.Errorf("%s holds controls", name)
		}
	case reflect.Array, reflect.Slice:
		if english.Len() != other.Len() {
			t.Errorf("%s has %d, in English %d", name, other.Len(), english.Len())
			return
		}
		for i := range english.Len() {
			same(t, name, english.Index(i), other.Index(i))
		}
	case reflect.Map:
		if english.Len() != other.Len() {
			t.Errorf("%s has %d, in English %d", name, other.Len(), english.Len())
		}
		for _, key := range english.MapKeys() {
			if !other.MapIndex(key).IsValid() {
				t.Errorf("%s has no %s", name, key)
				continue
			}
			same(t, name+" "+key.String(), english.MapIndex(key), other.MapIndex(key))
		}
	case reflect.Struct:
		for i := range english.NumField() {
			same(t, name, english.Field(i), other.Field(i))
		}
	default:
		t.Errorf("%s is of a kind that is not compared", name)
	}
}

func TestFor(t *testing.T) {
	for _, c := range []struct{ lang, messages, all, want string }{
		{"", "", "", "en"}, {"it_IT.UTF-8", "", "", "it"}, {"it_IT.UTF-8", "C", "", "en"}, {"C", "", "it_CH", "it"}, {"de_DE", "", "", "en"},
	} {
		got := For(func(key string) string {
			return map[string]string{"LANG": c.lang, "LC_MESSAGES": c.messages, "LC_ALL": c.all}[key]
		})
		if got.Language != c.want {
			t.Errorf("%+v speaks %s", c, got.Language)
		}
	}
}

func TestDay(t *testing.T) {
	day := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	if got := English().Day(day); got != "Sunday, 22 November 2026" {
		t.Error(got)
	}
	if got := Italian().Day(day); got != "domenica 22 novembre 2026" {
		t.Error(got)
	}
}
