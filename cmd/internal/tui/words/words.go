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
	NoShell, QuitLink, NothingFound                string
	nothingSaid, encryptedFor                      string

	// People.
	Here, Away, Typing                                                              string
	Contact, Verified, KeysChanged, KeysAlarm, Blocked, AsksYou, YouAsked, Stranger string
	Requests, Conversations, Nearby, Asked                                          string
	NobodyYet, NobodyYetHint, ChooseSomebody, EnterAnswers, EnterTakesBack          string
	AskContact, AcceptYes, DeclineYes, TakeBack                                     string
	askContactMore, enterAsks, answerMore, waitingFor, mayWrite, notYet             string
	saidAsked, saidAsksYou, saidAccepted, saidDeclined, saidBlocked, saidUnblocked  string
	saidYes, saidYesSends, saidContact                                              string
	saidRenamed, saidRemoved, removeTitle                                           string
	RemoveMore, RemoveYes                                                           string
	nobodyCalled, noCommand                                                         string

	// The bar.
	Broken, NoNetwork, Alone, LocalOnly                                   string
	StoppedTitle, StoppedMore, StartAgain, Quit                           string
	NotStartedTitle, NotStartedMore, UnlockMore, UnlockWrong, HintsUnlock string
	NotKept, Weaker, StatusTitle, StatusNetworks, NothingWrong            string
	near, kept, queuedCount, heldCount                                    string
	SeenByAll, SeenByContacts, Hidden                                     string
	NewMessage, NewRequest, NewContact                                    string
	tooSmall                                                              string
	HintsChange                                                           string
	HintHelp, HintCommands, HintPeople, HintUnread                        string
	HintMessages, HintQuit                                                string
	HintsPeople, HintsMessage, HintsOwn                                   string
	HintsDialog, HintsField, HintsFirst, HintsRead                        string

	// The first minute.
	Welcome, WelcomeMore, AskName, NameLabel                              string
	AskSeen, SeenHint, SeenAllMore, SeenContactsMore, SeenNobodyMore      string
	AskPassphrase, PassphraseHint, PassphraseLabel                        string
	PassphraseAgain, PassphraseDiffers, CurrentPassphrase, SaidPassphrase string
	Starting                                                              string

	Dialogs
	Chores
	Changes

	Shares   map[string]string // by the control API's word
	Themes   map[string]string // by name
	Commands map[string]Command
	Also     map[string]string // other words by which a command may be looked for
	Help     []string          // keys, a tab, and what they do
}

// Dialogs is what is asked and shown before the conversation.
type Dialogs struct {
	PrivateTitle, machineOpen, machineLocked string
	private                                  []string // what, a tab, and who reads it

	Cancel, Close, Copy                                                                                                    string
	HelpTitle, CommandsTitle, SearchTitle, SearchLabel, whoOfThem                                                          string
	DetailsTitle, Written, Received, Sealed, DeliveredAt, ReadAt, HeldBy, HeldUntil, WaitsFor, Reason                      string
	InviteTitle, inviteNoCode, InviteKeys, InviteRevoked                                                                   string
	inviteMore                                                                                                             string
	CommunitiesTitle, NoCommunity, SupernodeReached, SupernodeAway, JoinCommunity, Joining                                 string
	LeaveMore, LeaveYes                                                                                                    string
	leaveCommunity, saidLeft, saidJoined                                                                                   string
	DoctorTitle, DoctorLooks, NoticeTitle                                                                                  string
	CompareBegins, CompareJoin, TheyMatch, TheyDiffer, WordsMatch                                                          string
	verifyTitle, compareWhy, compareNow, compareMore, compareAsked, compareInvited, safetyWords, saidVerified, saidDiffers string
	SettingsTitle, SetName, SetSeen, SetShare, SetLocal, SetPassphrase, SetTheme, SetLanguage                              string
	On, Off                                                                                                                string
}

// Chores is what is done now and then: with people, with files of one's own, with the network.
type Chores struct {
	Stop, Stopped                                                                                    string
	CardNow, CardOwnName, CardIntroduced, CardSure, CardUnverified, CardID, CardWrite                string
	RenameLabel, RenameMore, introducedMore                                                          string
	introduceTitle, introduceMore, IntroduceNobody, saidIntroduced                                   string
	resetTitle, resetMore, resetAsk, resetAsked, resetPermit, saidReset, saidPermitted               string
	keysAccept, keysAcceptMore, KeysAcceptYes, saidGoesOn, VerifiedUndo, saidUndone, saidNotCompared string
	LinksTitle, LinksMore, LinksNone, LinksNew, LinkForget, LinkForgetYes                            string
	linkOpen, linkUsed, linkTwice, InviteAway, InviteAlone, InviteHow, InviteCode                    string

	FileLabel, FileMore, FileElsewhere, fileWritten, fileFailed                         string
	BackupTitle, BackupMore, BackupNeeds, backupDone                                    string
	exportTitle, ExportMore, ExportPage, ExportPageMore, ExportLines, ExportLinesMore   string
	exportDone                                                                          string
	DiagnosticsTitle, DiagnosticsMore, DiagnosticsNot, DiagnosticsRead, DiagnosticsSave string
	diagnosticsDone, inVersions, inFiles, inNetworks, inCounts, inLog                   string
	RestoreChoice, RestoreTitle, RestoreMore, restorePassphrase, restoreFar             string
	RestoredTitle, restored, RestoredAsks, RestoredOnce, RestoredGo, RestoredOpen       string

	SetKept, KeptMore, keptNow, KeptDaysLabel, KeptDaysField, keptDays               string
	KeptDiskLabel, KeptDiskField, keptDisk, KeptEver, KeptAny, KeptLess, KeptLessYes string
	SetElsewhere, ElsewhereAll                                                       string
	NoteSeen, NoteElsewhere, NoteShare, NoteLocal, NotePassphrase, NoteKept          string
	NoNumber, SaidKept                                                               string
	ScanTitle, ScanMore, ScanOver, ScanNobody, scanFar, scanFound                    string
	CommunityDetails, CommunityWaits, CommunityKnows, CommunityPersona, CommunityID  string
	SupernodeNever, SupernodeHere, supernodeSeen, supernodeAt                        string
}

// Changes is what is said of messages that are answered, edited, deleted and reacted to.
type Changes struct {
	WasDeleted, WasEdited, QuoteMissing                     string
	Replying, Editing, EscDrops                             string
	IsDeleted, NotYours, NoMessage                          string
	ReplyYes, ReactYes, EditYes, DeleteYes, ToQuoted        string
	DeleteTitle, deleteMore                                 string
	ReactTitle, ReactOther, ReactLabel, ReactMore, reactors string
	Reactions                                               []string // what the common ones mean
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
func (c *Catalogue) EncryptedFor(name string) string   { return fmt.Sprintf(c.encryptedFor, name) }
func (c *Catalogue) AskContactMore(name string) string { return fmt.Sprintf(c.askContactMore, name) }
func (c *Catalogue) AnswerMore(name string) string     { return fmt.Sprintf(c.answerMore, name) }
func (c *Catalogue) EnterAsks(name string) string      { return fmt.Sprintf(c.enterAsks, name) }
func (c *Catalogue) NotYet(name string) string         { return fmt.Sprintf(c.notYet, name) }
func (c *Catalogue) SaidAsked(name string) string      { return fmt.Sprintf(c.saidAsked, name) }
func (c *Catalogue) SaidAsksYou(name string) string    { return fmt.Sprintf(c.saidAsksYou, name) }
func (c *Catalogue) SaidYes(name string) string        { return fmt.Sprintf(c.saidYes, name) }
func (c *Catalogue) SaidYesSends(name string) string   { return fmt.Sprintf(c.saidYesSends, name) }
func (c *Catalogue) SaidContact(name string) string    { return fmt.Sprintf(c.saidContact, name) }
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
func (c *Catalogue) CompareWhy(name string) string     { return fmt.Sprintf(c.compareWhy, name) }
func (c *Catalogue) CompareNow(name string) string     { return fmt.Sprintf(c.compareNow, name) }
func (c *Catalogue) CompareMore(name string) string    { return fmt.Sprintf(c.compareMore, name) }
func (c *Catalogue) CompareAsked(name string) string   { return fmt.Sprintf(c.compareAsked, name) }
func (c *Catalogue) CompareInvited(name string) string { return fmt.Sprintf(c.compareInvited, name) }
func (c *Catalogue) SafetyWords(name string) string    { return fmt.Sprintf(c.safetyWords, name) }
func (c *Catalogue) SaidVerified(name string) string   { return fmt.Sprintf(c.saidVerified, name) }
func (c *Catalogue) SaidDiffers(name string) string    { return fmt.Sprintf(c.saidDiffers, name) }

func (c *Catalogue) IntroducedMore(by, name string) string {
	return fmt.Sprintf(c.introducedMore, by, name)
}

func (c *Catalogue) IntroduceTitle(name string) string { return fmt.Sprintf(c.introduceTitle, name) }
func (c *Catalogue) IntroduceMore(name string) string  { return fmt.Sprintf(c.introduceMore, name) }
func (c *Catalogue) SaidIntroduced(one, other string) string {
	return fmt.Sprintf(c.saidIntroduced, one, other)
}
func (c *Catalogue) ResetTitle(name string) string      { return fmt.Sprintf(c.resetTitle, name) }
func (c *Catalogue) ResetMore(name string) string       { return fmt.Sprintf(c.resetMore, name) }
func (c *Catalogue) ResetAsk(name string) string        { return fmt.Sprintf(c.resetAsk, name) }
func (c *Catalogue) ResetAsked(name string) string      { return fmt.Sprintf(c.resetAsked, name) }
func (c *Catalogue) ResetPermit(name string) string     { return fmt.Sprintf(c.resetPermit, name) }
func (c *Catalogue) SaidReset(name string) string       { return fmt.Sprintf(c.saidReset, name) }
func (c *Catalogue) SaidPermitted(name string) string   { return fmt.Sprintf(c.saidPermitted, name) }
func (c *Catalogue) KeysAccept(name string) string      { return fmt.Sprintf(c.keysAccept, name) }
func (c *Catalogue) KeysAcceptMore(name string) string  { return fmt.Sprintf(c.keysAcceptMore, name) }
func (c *Catalogue) SaidGoesOn(name string) string      { return fmt.Sprintf(c.saidGoesOn, name) }
func (c *Catalogue) SaidNotCompared(name string) string { return fmt.Sprintf(c.saidNotCompared, name) }
func (c *Catalogue) SaidUndone(name string) string      { return fmt.Sprintf(c.saidUndone, name) }
func (c *Catalogue) LinkOpen(until string) string       { return fmt.Sprintf(c.linkOpen, until) }
func (c *Catalogue) LinkUsed(by string) string          { return fmt.Sprintf(c.linkUsed, by) }
func (c *Catalogue) LinkTwice(by string) string         { return fmt.Sprintf(c.linkTwice, by) }
func (c *Catalogue) FileWritten(size string) string {
	return fmt.Sprintf(c.fileWritten, size)
}
func (c *Catalogue) FileFailed(path string) string { return fmt.Sprintf(c.fileFailed, path) }
func (c *Catalogue) BackupDone(path, size string) string {
	return fmt.Sprintf(c.backupDone, path, size)
}

func (c *Catalogue) ExportTitle(name string) string { return fmt.Sprintf(c.exportTitle, name) }

func (c *Catalogue) ExportDone(path string, n int) string { return fmt.Sprintf(c.exportDone, path, n) }

func (c *Catalogue) DiagnosticsDone(path string) string { return fmt.Sprintf(c.diagnosticsDone, path) }

func (c *Catalogue) InVersions(version, system string) string {
	return fmt.Sprintf(c.inVersions, version, system)
}

func (c *Catalogue) InFiles(n int, size string) string {
	return fmt.Sprintf(c.inFiles, n, size)
}
func (c *Catalogue) InNetworks(n, used int) string { return fmt.Sprintf(c.inNetworks, n, used) }
func (c *Catalogue) InCounts(contacts, near, waiting int) string {
	return fmt.Sprintf(c.inCounts, contacts, near, waiting)
}
func (c *Catalogue) InLog(lines int) string { return count(c.inLog, lines) }
func (c *Catalogue) RestorePassphrase(file string) string {
	return fmt.Sprintf(c.restorePassphrase, file)
}
func (c *Catalogue) RestoreFar(messages int64) string { return count(c.restoreFar, int(messages)) }
func (c *Catalogue) Restored(messages int64) string   { return count(c.restored, int(messages)) }
func (c *Catalogue) KeptNow(size string) string       { return fmt.Sprintf(c.keptNow, size) }
func (c *Catalogue) ScanFar(asked, of int) string     { return fmt.Sprintf(c.scanFar, asked, of) }
func (c *Catalogue) SupernodeSeen(at string) string   { return fmt.Sprintf(c.supernodeSeen, at) }
func (c *Catalogue) SupernodeAt(addresses string) string {
	return fmt.Sprintf(c.supernodeAt, addresses)
}

func (c *Catalogue) DeleteMore(name string) string { return fmt.Sprintf(c.deleteMore, name) }
func (c *Catalogue) Reactors(n int) string         { return count(c.reactors, n) }

// WaitingFor says how it stands with somebody who was asked, and what can be done meanwhile.
func (c *Catalogue) WaitingFor(name string) []string {
	return []string{fmt.Sprintf(c.waitingFor, name), c.mayWrite}
}

// Private says who can read what; of this machine by whether a passphrase locks it.
func (c *Catalogue) Private(passphrase bool) []string {
	if passphrase {
		return append([]string{c.private[0], c.machineLocked}, c.private[1:]...)
	}
	return append([]string{c.private[0], c.machineOpen}, c.private[1:]...)
}

// KeptDays is for how long messages are kept; 0 is for ever.
func (c *Catalogue) KeptDays(days int) string {
	if days == 0 {
		return c.KeptEver
	}
	return count(c.keptDays, days)
}

// KeptDisk is on how much room they are kept; 0 is any.
func (c *Catalogue) KeptDisk(megabytes int64) string {
	if megabytes == 0 {
		return c.KeptAny
	}
	return fmt.Sprintf(c.keptDisk, megabytes)
}

// ScanFound is how many have answered.
func (c *Catalogue) ScanFound(n int) string {
	if n == 0 {
		return c.ScanNobody
	}
	return count(c.scanFound, n)
}

// count chooses between the words for one and, behind a bar, those for more.
func count(words string, n int) string {
	one, more, _ := strings.Cut(words, "|")
	if n == 1 {
		return one
	}
	return fmt.Sprintf(more, n)
}

// InviteNoCode says how large a window is needed to see the code of a link, and what to do.
func (c *Catalogue) InviteNoCode(columns, rows int) string {
	return fmt.Sprintf(c.inviteNoCode, columns, rows)
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
