package mesh

import "time"

// Ours, not the protocol's.
const (
	turnCommandsMax = 256                    // commands that share one commit
	inboxCommands   = 1024                   // commands that wait before a producer blocks
	eventsKept      = 1024                   // recent events held in memory for live readers
	eventsBytes     = 4 << 20                // texts in them: 69 of the longest; who is behind reads the store
	dialDelaySecond = 200 * time.Millisecond // one of two that see each other lets the other dial first
	simultaneousMax = 5 * time.Second        // two links proven within this were dialled at once
	leavingHold     = 250 * time.Millisecond // until somebody who said goodbye has left: they may announce themselves anew
	redialDelayMin  = 200 * time.Millisecond
	redialDelayMax  = 30 * time.Second
	burstPause      = 2 * time.Millisecond // after the begin of a turn with messages, in which others share the next commit
	recentOps       = 2048                 // ops of ours held in memory; a full flight to one device is less
	recentBytes     = 1 << 20              // and their bodies
	eventsPage      = 256                  // stored events read at a time
	placesMax       = 16                   // places dialled for one handle
	epochsBehind    = 3                    // hours that an announcement we dial may be behind our clock: an epoch, its lead, and a clock that is not quite right
	epochsAhead     = 2                    // or ahead of it
	doubtDelay      = 2 * time.Second      // before one that is neither is dialled: time for others to show whose clock is right
	testsAtOnce     = 1 << 17              // HMACs to recognise who announces, without a pause: 128 newcomers among 500 contacts
	testsPerSecond  = 1 << 13              // in the long run: a tenth of the smallest machine
	testsPerKey     = 2                    // that a key costs in each epoch, before anything is tested
	testPause       = 250 * time.Millisecond
	tablesMax       = 4                   // epochs of today, and of other days, that are ready to be tested
	ranksMax        = 4096                // addresses that take turns in being tested
	foreignDaysMax  = 400                 // days from today that an announcement is believed
	tellBatch       = 32                  // contacts told of a new discovery key in one turn
	sightedMax      = 1024                // sightings held, as many as discovery has; contacts take the place of strangers
	requestsMax     = 256                 // contact requests that wait, in each direction
	unmatchedMax    = 256                 // blobs a link may leave waiting for their key
	unmatchedBytes  = 4 << 20             // and their bytes: four times what an outbox has in flight
	farDelay        = 3 * time.Second     // until what waits for its key is looked for far ahead
	openFramesMax   = 8                   // frames of an exchange that wait for one link
	theirFramesMax  = 64                  // frames taken on one contact stream; an exchange needs three
	markedMax       = 4096                // messages that one read mark makes read, the newest; it has that many before it only when reading was not shared
	typingHolds     = 10 * time.Second    // that we say we are typing for; wire.TypingMax at the most
	typingAgain     = 4 * time.Second     // until we say so again
	typingTaken     = time.Second         // between two words of theirs that are taken
	logPage         = 256                 // ops read at a time
	glancePage      = 16                  // ops read at a time where the last few will do
	opPrefixRows    = 64                  // ops looked at for one prefix of an id
	quoteMax        = 240                 // bytes shown of what a message answers
	editsMax        = 100                 // times that we edit one message
	awaitedAge      = 60 * 24 * time.Hour // that a deletion waits for what it deletes, at the least: longer than a blob lives
	awaitedMax      = 1024                // of those in one conversation that are never past keeping: more are no mishap
	openLinksMax    = 32                  // links in mode open, all together
	handOverMax     = 10 * time.Second    // until a request counts as not handed over
	retryPauseMin   = time.Second         // after a turn that failed
	retryPauseMax   = 15 * time.Second    // after many; a command is tried at once all the same
	unsavedPause    = time.Minute         // between words about that
	complaintPause  = 10 * time.Second    // between log lines about input that was dropped
	noticePause     = time.Hour           // before the same notice is shown again
	noticesKept     = 256                 // of which that is known
	housekeeping    = 24 * time.Hour      // between two rounds of forgetting
	searchNewest    = 20                  // messages found, unless it is said how many
	snippetRunes    = 80                  // shown around a word that was found
	indexQuiet      = time.Second         // nothing was said for so long: time for the index
	indexPatience   = time.Minute         // until the index does not wait for that any more
	pruneInterval   = time.Hour           // between two looks at what is past keeping
	pruneRest       = time.Second         // after such a look, whatever calls for another
	scrubAgain      = time.Second         // after somebody read while erased rows were to leave the log
	pruneBatch      = 256                 // ops or events deleted in one turn
	storedEventsMax = 1 << 18             // events kept: what a bot may be behind
	storedEventsAge = 30 * 24 * time.Hour
	retentionMin    = 1       // day
	retentionMax    = 36500   // days
	diskMin         = 8 << 20 // bytes: an empty home has some already
)

// Of invites.
const (
	invitesMax            = 16                  // links of ours that may be used; each is a beacon
	usedMax               = 16                  // of ours that were, and of others' that wait
	inviteLife            = 24 * time.Hour      // of a link, unless it is said how long
	meetingGrace          = 7 * 24 * time.Hour  // that an exchange which has begun may take longer
	introductionsMax      = 64                  // that wait for our person, or for theirs
	introductionsOfOneMax = 8                   // by one contact
	introductionLife      = 30 * 24 * time.Hour // of one that nothing came of
	samesMax              = 4                   // requests that turned out to be with a contact, and are known for it
	samePause             = time.Second         // before that is said again
	linkPatience          = 2 * time.Second     // for somebody to answer a link at once

	standPatience = 3 * time.Second  // for a supernode that is to keep the slot of a new link
	slotPatience  = 10 * time.Second // for one to open or read a slot: a log is not collected meanwhile
	knockDelay    = time.Second      // for the giver to be found here, before a supernode is asked
	knockPatience = 15 * time.Second // for that supernode to answer
	knockMin      = 2 * time.Second  // between two tries there; spec: 08-custody#limits
	knockMax      = 15 * time.Minute
	slotHeld      = 30 * 24 * time.Hour // that a supernode keeps a slot longer which was answered; spec: 08-custody#slots
	withdrawnMax  = 64                  // slots that are still to be given up
	dealtMax      = 16                  // answers of one slot that are looked at: an honest supernode takes three, and may lose them and take others
)

// Of changes of network.
const (
	settlePause  = time.Second     // without a further change, before it counts
	resolvePause = 2 * time.Second // the same while an address or a router is still to come
	movingMax    = 5 * time.Second // after which it counts in any case
	networksMax  = 256             // remembered
)

// Of notices, and of homes that run twice.
const (
	noticesMax       = 64                  // kept in the home; the oldest give way
	noticeLife       = 30 * 24 * time.Hour // of one that nobody dealt with
	openedKept       = 4096                // blobs that are remembered as opened, to notice another in the place of one
	heldMax          = 10 * time.Second    // for the first receipt on a new link, before which an older copy would seal what is sealed
	refusedMax       = 3                   // dials that somebody answers who does not know our key, before we try the oldest one
	petitionStarts   = 8                   // blobs that are looked at on such a link: one start, and its repetitions
	petitionMax      = 10 * time.Second    // for a start, on a link that only a start is for
	stableMin        = 10 * time.Second    // a link that lived so long was no accident
	sessionsNamedMax = 16                  // sessions that are looked at in the first receipts of a link
	plausibleFrom    = 20_454              // the day before which no clock is right: 2026-01-01
	plausibleUntil   = 40_177              // and the first after which none is, for a while: 2080-01-01
	labelsKept       = 16                  // instances of ours that may still be on the air
)

// Of questions what contacts see of us.
const (
	looksMax    = 8               // devices asked
	lookWait    = 2 * time.Second // for the answer of one
	hearWait    = time.Second     // for a knock and an announcement, after the answers
	hearPoll    = 20 * time.Millisecond
	looksAtOnce = 10          // of their looks answered in a row; one asker needs two
	lookEvery   = time.Second // until one more is answered
)

// Of supernodes.
const (
	depositMoment  = time.Second / 4  // in which what is to be left is gathered
	logsMax        = 256              // logs of supernodes that are known,
	logsForeign    = 192              // so many if another only holds what was left for a contact,
	logsOfContact  = 16               // of which so many may be for the same one
	depotsKept     = 64               // supernodes that are remembered though they are not reached
	unmatchedKept  = 1 << 20          // blobs that wait for their key; the oldest go
	startTagsMax   = 1 << 17          // tags of starts in memory, as long as there are no more
	startDaysAhead = 60               // a blob's life, and what clocks may disagree
	farPause       = time.Hour        // between two far looks, but after a catch-up
	farDevices     = 4                // devices looked at in one turn: some milliseconds
	matchPause     = time.Second      // so that many new tags are compared with what waits at once
	rereadMax      = 10 * time.Minute // for blobs to be read again
	rereadPage     = 256              // of those, opened in one turn
	receiptSlot    = 5 * time.Minute  // see owed.go
	mailboxBatch   = 32               // contacts told of our mailbox in one turn
)

// Of where contacts may be besides where they are heard.
//
// spec: 03-links#remembered-endpoints
const (
	knownPerNetwork = 3                   // endpoints remembered of a device on one network
	knownMax        = 12                  // and on all of them
	knownLife       = 30 * 24 * time.Hour // since a link was proven there
	knownFresh      = time.Hour           // before that is written down again
	knownWrongMax   = 8                   // rounds of dials after which an endpoint is forgotten
	knownTries      = 5                   // dials in a round
	seekingMax      = 16                  // dials at once, while more are planned to who is not in sight
	seekPause       = 500 * time.Millisecond
)

// spec: 02-discovery#told-by-peers
const (
	tellDelay = 200 * time.Millisecond // so that what comes together is told together
	tellPause = 2 * time.Second        // between two frames on one link; half of it is what a reader asks for
	tellRate  = 4                      // announcements told a second, on all links together
	tellBurst = 256                    // and at once
	sharedMax = 4096                   // instances remembered of a link as known at both ends
	toldLife  = 4 * time.Minute        // as long as an announcement holds
	toldMax   = 2                      // places that a device is said to be at
)

// Of strangers who ask.
//
// spec: 05-contacts#many-who-ask
const (
	asksPerAddress      = 10 * time.Second // between asks heard of one address,
	asksPerAddressBurst = 8                // of which so many may come at once
	asksPerProfile      = time.Minute      // and of one profile
	asksPerProfileBurst = 4
	asksSaved           = 2 * time.Second // between requests written down,
	asksSavedBurst      = 16              // of which so many may be at once
	askersMax           = 1024            // addresses, and profiles, that this is known of
)
