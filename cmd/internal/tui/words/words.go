// Package words holds everything that the face says, in each language that it speaks. Every catalogue has every word: a
// test finds one that is missing, or that takes other arguments than the English one.
//
// It leaves to package tui when what is said, and to the node the sentences that it says itself.
package words

import (
	"fmt"
	"strings"
	"time"
)

// Catalogue is all words of one language.
type Catalogue struct {
	Language     string // its code
	LanguageName string // as its speakers call it

	Days   [7]string  // from Sunday
	Months [12]string // from January
	dayOf  string     // day of the week, of the month, month, year

	// The conversation.
	You, NewHere, moreRows                         string
	Queued, Held, Delivered, Read, Expired, Failed string
	Below, ToWhom, QuitHint, NothingNew, Copied    string
	nothingSaid                                    string

	// People.
	Here, Away, Connected, Typing                                                   string
	Contact, Verified, KeysChanged, KeysAlarm, Blocked, AsksYou, YouAsked, Stranger string
	Requests, Conversations, Nearby, Asked                                          string
	NobodyYet, NobodyYetHint, ChooseSomebody, PressEnter                            string
	AskContact, AcceptYes, DeclineYes, TakeBack                                     string
	askContactMore, answerMore, waitingFor                                          string
	saidAsked, saidAsksYou, saidAccepted, saidDeclined, saidBlocked, saidUnblocked  string
	saidRenamed, saidRemoved, removeTitle                                           string
	RemoveMore, RemoveYes                                                           string
	nobodyCalled, noCommand                                                         string

	// The bar.
	Broken, NoNetwork, Alone, LocalOnly           string
	StoppedTitle, StoppedMore, StartAgain, Quit   string
	NotKept, Weaker, StatusTitle, NothingWrong    string
	near, kept, queuedCount, heldCount            string
	SeenByAll, SeenByContacts, Hidden, NewMessage string
	tooSmall                                      string
	Hints, HintsDialog, HintsField, HintsFirst    string

	// The first minute.
	Welcome, WelcomeMore, AskName, NameLabel                              string
	AskSeen, SeenHint, SeenAllMore, SeenContactsMore, SeenNobodyMore      string
	AskPassphrase, PassphraseHint, PassphraseLabel                        string
	PassphraseAgain, PassphraseDiffers, CurrentPassphrase, SaidPassphrase string
	Starting                                                              string

	Dialogs

	Shares   map[string]string // by the control API's word
	Themes   map[string]string // by name
	Commands map[string]Command
	Help     []string // keys, a tab, and what they do
}

// Dialogs is what is asked and shown before the conversation.
type Dialogs struct {
	Cancel, Close, Copy                                                                               string
	HelpTitle, CommandsTitle, SearchTitle, SearchLabel, whoOfThem                                     string
	DetailsTitle, Written, Received, Sealed, DeliveredAt, ReadAt, HeldBy, HeldUntil, WaitsFor, Reason string
	InviteTitle, InviteNoCode, InviteKeys, InviteRevoked                                              string
	inviteMore                                                                                        string
	CommunitiesTitle, NoCommunity, SupernodeReached, SupernodeAway, JoinCommunity, Joining            string
	LeaveMore, LeaveYes                                                                               string
	leaveCommunity, saidLeft, saidJoined                                                              string
	DoctorTitle, DoctorLooks, NoticeTitle                                                             string
	CompareBegins, CompareJoin, TheyMatch, TheyDiffer, WordsMatch                                     string
	verifyTitle, compareMore, compareAsked, compareInvited, safetyWords, saidVerified, saidDiffers    string
	SettingsTitle, SetName, SetSeen, SetShare, SetLocal, SetPassphrase, SetTheme, SetLanguage         string
	On, Off                                                                                           string
}

// Command is what can be typed behind a slash.
type Command struct {
	Argument string // what follows; empty for nothing
	Does     string
}

// The words with arguments.

func (c *Catalogue) Day(t time.Time) string {
	return fmt.Sprintf(c.dayOf, c.Days[t.Weekday()], t.Day(), c.Months[t.Month()-1], t.Year())
}

func (c *Catalogue) MoreRows(n int) string             { return count(c.moreRows, n) }
func (c *Catalogue) NothingSaid(name string) string    { return fmt.Sprintf(c.nothingSaid, name) }
func (c *Catalogue) AskContactMore(name string) string { return fmt.Sprintf(c.askContactMore, name) }
func (c *Catalogue) AnswerMore(name string) string     { return fmt.Sprintf(c.answerMore, name) }
func (c *Catalogue) WaitingFor(name string) string     { return fmt.Sprintf(c.waitingFor, name) }
func (c *Catalogue) SaidAsked(name string) string      { return fmt.Sprintf(c.saidAsked, name) }
func (c *Catalogue) SaidAsksYou(name string) string    { return fmt.Sprintf(c.saidAsksYou, name) }
func (c *Catalogue) SaidAccepted(name string) string   { return fmt.Sprintf(c.saidAccepted, name) }
func (c *Catalogue) SaidDeclined(name string) string   { return fmt.Sprintf(c.saidDeclined, name) }
func (c *Catalogue) SaidBlocked(name string) string    { return fmt.Sprintf(c.saidBlocked, name) }
func (c *Catalogue) SaidUnblocked(name string) string  { return fmt.Sprintf(c.saidUnblocked, name) }
func (c *Catalogue) SaidRenamed(name string) string    { return fmt.Sprintf(c.saidRenamed, name) }
func (c *Catalogue) SaidRemoved(name string) string    { return fmt.Sprintf(c.saidRemoved, name) }
func (c *Catalogue) RemoveTitle(name string) string    { return fmt.Sprintf(c.removeTitle, name) }
func (c *Catalogue) NobodyCalled(name string) string   { return fmt.Sprintf(c.nobodyCalled, name) }
func (c *Catalogue) WhoOfThem(name string) string      { return fmt.Sprintf(c.whoOfThem, name) }
func (c *Catalogue) NoCommand(word string) string      { return fmt.Sprintf(c.noCommand, word) }
func (c *Catalogue) Near(n int) string                 { return count(c.near, n) }
func (c *Catalogue) Kept(n int) string                 { return count(c.kept, n) }
func (c *Catalogue) QueuedCount(n int) string          { return count(c.queuedCount, n) }
func (c *Catalogue) HeldCount(n int) string            { return count(c.heldCount, n) }
func (c *Catalogue) InviteMore(until string) string    { return fmt.Sprintf(c.inviteMore, until) }
func (c *Catalogue) LeaveCommunity(name string) string { return fmt.Sprintf(c.leaveCommunity, name) }
func (c *Catalogue) SaidLeft(name string) string       { return fmt.Sprintf(c.saidLeft, name) }
func (c *Catalogue) SaidJoined(name string) string     { return fmt.Sprintf(c.saidJoined, name) }
func (c *Catalogue) VerifyTitle(name string) string    { return fmt.Sprintf(c.verifyTitle, name) }
func (c *Catalogue) CompareMore(name string) string    { return fmt.Sprintf(c.compareMore, name) }
func (c *Catalogue) CompareAsked(name string) string   { return fmt.Sprintf(c.compareAsked, name) }
func (c *Catalogue) CompareInvited(name string) string { return fmt.Sprintf(c.compareInvited, name) }
func (c *Catalogue) SafetyWords(name string) string    { return fmt.Sprintf(c.safetyWords, name) }
func (c *Catalogue) SaidVerified(name string) string   { return fmt.Sprintf(c.saidVerified, name) }
func (c *Catalogue) SaidDiffers(name string) string    { return fmt.Sprintf(c.saidDiffers, name) }

// count chooses between the words for one and, behind a bar, those for more.
func count(words string, n int) string {
	one, more, _ := strings.Cut(words, "|")
	if n == 1 {
		return one
	}
	return fmt.Sprintf(more, n)
}

// TooSmallFor says how large a terminal is needed.
func (c *Catalogue) TooSmallFor(columns, rows int) string {
	return fmt.Sprintf(c.tooSmall, columns, rows)
}

// OnOff is whether something is on.
func (c *Catalogue) OnOff(on bool) string {
	if on {
		return c.On
	}
	return c.Off
}

// All are the catalogues, English first.
func All() []*Catalogue { return []*Catalogue{English(), Italian()} }

// For is the catalogue that fits best to an environment: the first of LC_ALL, LC_MESSAGES and LANG that is set decides.
func For(getenv func(string) string) *Catalogue {
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(key); v != "" {
			for _, c := range All() {
				if strings.HasPrefix(v, c.Language) {
					return c
				}
			}
			break
		}
	}
	return English()
}
