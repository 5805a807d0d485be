package demo

import "time"

const (
	// delay is how long a packet travels on the networks in memory.
	delay = time.Millisecond
	// shelfPort is the supernode's.
	shelfPort = 4433
	// daysKept, diskMax and tokensADay are the community's policy: as long as is possible, in bytes, for each member.
	daysKept   = 58
	diskMax    = 16 << 20
	tokensADay = 100
	// pageMax is how much is read of the mailbox at once, in bytes.
	pageMax = 1 << 20
)

const (
	// patience is how long the demo waits for anything that is to happen, on the slowest of machines; look is how often it looks.
	patience = 30 * time.Second
	look     = 2 * time.Millisecond
	// pauseMin, pausePerByte and pauseMax are how long a person reads.
	pauseMin     = 1500 * time.Millisecond
	pausePerByte = 30 * time.Millisecond
	pauseMax     = 12 * time.Second
	// hexShown is how much is shown of a blob, in bytes: its header of 40, and some noise.
	hexShown = 64
	// idShown is how much is shown of its id, in bytes.
	idShown = 16
	// personaShown is how much is shown of a member's id, in characters.
	personaShown = 40
	// columnsMin is how wide a terminal has to be for two columns, in cells: a row of 16 bytes in hex is 47. linesMax is how
	// wide lines get, so that they can be read.
	columnsMin = 100
	linesMax   = 150
	// wordsShown is how many of the safety words are shown.
	wordsShown = 4
)
