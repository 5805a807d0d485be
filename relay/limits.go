package relay

import (
	"time"

	"sottovoce/mesh/wire"
	"sottovoce/relay/token"
)

// Constants of the protocol. spec: 08-custody#limits
const (
	// retryMin and retryMax are between two tries to reach a supernode, doubled each time, ± retryJitter.
	retryMin    = 2 * time.Second
	retryMax    = 15 * time.Minute
	retryJitter = 5 // one part in so many
	// newcomerMax bounds how long a supernode waits that news have just named to everybody: by chance, so that not all dial it at once.
	newcomerMax = 10 * time.Second
	// setbackMax bounds the wait before a log is read that made no sense, or has to be read from its beginning: it begins with
	// retryMin, is doubled each time, and begins anew after setbackForgotten without.
	setbackMax       = time.Hour
	setbackForgotten = 24 * time.Hour
	// answerTimeout is how long an answer may take, and the silence inside one.
	answerTimeout = 30 * time.Second
	// perChunk is what a deposit has more for each 64 KiB.
	perChunk = 10 * time.Second
	// attestPeriod is between two checkpoints, attestRetry between two questions for one.
	attestPeriod = 24 * time.Hour
	attestRetry  = time.Hour
	// silentDays is on how many days a supernode may give no new checkpoint, when it is asked, before people are told.
	silentDays = 3
	// plausibleFrom is the day before which no clock was ever right: 2026-01-01.
	plausibleFrom = 20_454
	// newsPeriod is between two questions on a link what is new in the community, where that is not told.
	newsPeriod = time.Hour
	// newsBurst and newsLeast are how often what is new may be told on a stream: twice as often as an honest supernode does.
	newsBurst = 8
	newsLeast = 15 * time.Second
	// muchPerDay is how many bytes a log may grow on a day before tags are asked for first.
	muchPerDay = 100 << 20
	// decoysEach is how many blobs at the least are fetched beside each that is wanted, so that it is one of four.
	decoysEach = 3
	// scanFew is of how many new blobs of a class not all are fetched: of fewer, that all are would say that many are wanted.
	scanFew = 3 * (1 + decoysEach)
	// scanPeriod is between two scans: nobody tells us what is new.
	scanPeriod = time.Minute
	// notNowMin is how long we leave a supernode alone that says "not now" to a collection.
	notNowMin = time.Minute
)

// Constants of this implementation.
const (
	// steadyAfter is how long a link has to last before the next try is as quick as the first.
	steadyAfter = time.Minute
	// refusalTimeout is how long a refusal may take of what could not be sent whole.
	refusalTimeout = 5 * time.Second
	// namedMax is how many addresses of one name of a host are dialled: others have to have their turn.
	namedMax = 4
	// drawTimeout bounds a deposit's wait for tokens.
	drawTimeout = 20 * time.Second
	// visitTimeout bounds a link in mode supernode: log-in and draws.
	visitTimeout = 30 * time.Second
	// turnsMax bounds an exchange of papers: the longest roster goes over in a hundred.
	turnsMax = 128
	// receiptsMax is how many blobs are remembered that one supernode has signed for: what is
	// offered again without a token.
	receiptsMax = 4096
	// doubtMax is how many blobs without a final answer have their tokens remembered.
	doubtMax = 1024
	// breachesMax is how many breaches are kept of one supernode.
	breachesMax = 8
	// turnsKept is of how many places it is remembered that a log was read again since its chain was another there.
	turnsKept = 64
	// heardMax is how many checkpoints of contacts are remembered as heard: cards are looked at with each deposit.
	heardMax = 256
	// watchStep and watchPeriod are how far a log is followed, and how long, before what is known of it is kept: it is
	// some 100 KB for a busy log.
	watchStep   = 256
	watchPeriod = time.Hour
	// decoysMax is of how many blobs it is remembered what was fetched beside them.
	decoysMax = 1024
	// checkPeriod is how often a station looks whether something is due: a log-in, a checkpoint.
	checkPeriod = time.Hour
	// rereadPagesMax is how many stretches of pages are read again before something else is done.
	rereadPagesMax = 4
	// rereadMax is how far on a blob may lie from where it is looked for again, in blobs: its page, or the listing
	// that named it, began within a step of cursors.
	rereadMax = wire.CursorStep + wire.EntriesMax
	// rereadListings is how many listings that takes.
	rereadListings = 2
	// giftPeriod is after how many days a contact is given tokens again: they are good for a fortnight.
	giftPeriod = 3
	// giftPause is how long a contact waits for whom there were no tokens.
	giftPause = 10 * time.Minute
	// giftsMax and guestsMax are how many contacts are given tokens, and how many logs we deposit in
	// as a guest.
	giftsMax  = 512
	guestsMax = 256
	// guestsOfGiver is in how many of them by what one contact gave: an honest card has tokens for as many logs.
	guestsOfGiver = mailboxTokensMax / (token.GiveMax * token.Size)
	// guestIdle is how long no card named a log before it gives way, and guestKeptIdle how long one that was deposited
	// at: the node looks at all cards at once, at the least when it reaches a supernode.
	guestIdle     = 10 * time.Minute
	guestKeptIdle = 24 * time.Hour
	// savedMax bounds what is saved of one supernode, in bytes: more than twice what its parts can be together.
	savedMax = 512 << 10
)
