package discovery

import "time"

// Bounds on what strangers can make us hold, and for how long.
//
// spec: 02-discovery#limits
const (
	// SightingsMax is how many instances are remembered; further newcomers are
	// refused, so that a flood does not push out the peers already known.
	SightingsMax = 1024
	// SourceMax is how many of them were first heard from one address, so that a
	// single host cannot fill the table; a relay of another network's needs some.
	SourceMax = 128
	// EndpointsMax is how many endpoints one sighting holds.
	EndpointsMax = 16
	// TTLMax caps the life a record claims for itself.
	TTLMax = 10 * time.Minute
	// changeEvery is the least time between two changes of one instance that
	// are passed on: a forger who alternates with the truth costs no more.
	changeEvery = time.Second
	// lostGrace is how long an endpoint outlives the interface it was heard on:
	// a cable plugged back, or a radio that re-associates, costs no flicker.
	lostGrace = 10 * time.Second
	// ownMax is how many of our own past instances are still recognised; late
	// copies of the last ones may arrive after a rotation.
	ownMax = 8
)
