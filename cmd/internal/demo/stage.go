package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"sottovoce/cmd/internal/daemon"
	"sottovoce/mesh"
	"sottovoce/mesh/simlan"
	"sottovoce/mesh/store"
	"sottovoce/relay"
)

// stage is where the story takes place: two networks in memory, a folder for the homes, and who is there. The piazza is where
// people hear each other; the street is behind it, and leads to the supernode.
type stage struct {
	dir            string
	lab            *simlan.Net
	piazza, street *simlan.LAN
	air            *air
	people         []*person
	shelf          *shelf
}

// newStage makes a folder of its own for everything that is going to be written.
func newStage() (*stage, error) {
	dir, err := os.MkdirTemp("", "sottovoce-demo-")
	if err != nil {
		return nil, err
	}
	lab := simlan.New(uint64(time.Now().UnixNano()))
	s := &stage{dir: dir, lab: lab, air: &air{}}
	s.piazza, s.street = lab.LAN(simlan.Weather{Delay: delay}), lab.LAN(simlan.Weather{Delay: delay})
	return s, nil
}

// close ends everybody's program, and removes the folder.
func (s *stage) close() error {
	var errs []error
	for _, p := range s.people {
		errs = append(errs, p.leaves())
	}
	if s.shelf != nil {
		errs = append(errs, s.shelf.close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// person is somebody with a home, and a machine on the piazza and on the street.
type person struct {
	at   *stage
	name string
	home string
	desk *simlan.Host // on the piazza, where it is
	road *simlan.Host // on the street

	node    *mesh.Node
	client  *relay.Client
	fetched *fetched
	end     func() error // nil: the program does not run
}

// arrives makes somebody a home, and opens it.
func (s *stage) arrives(name string) error {
	p := &person{at: s, name: name, home: filepath.Join(s.dir, name), desk: s.lab.Host(), road: s.lab.Host(), fetched: &fetched{}}
	if err := mesh.Found(p.home, name, rand.Reader); err != nil {
		return err
	}
	p.desk.Join(s.piazza)
	p.road.Join(s.street)
	s.people = append(s.people, p)
	return p.opens()
}

// opens starts the program in somebody's home: what 'sottovoce up' starts, with other networks under it.
func (p *person) opens() error {
	db, err := store.Open(p.home, rand.Reader)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	p.client, err = relay.NewClient(relay.Config{
		Keep: daemon.Keep(db), Listen: func() (net.PacketConn, error) { return p.at.air.over(p.road.Listen()), nil }, Rand: rand.Reader, Now: time.Now, Log: log,
	})
	if err == nil {
		p.node, err = mesh.New(mesh.Config{
			Store: db, Finder: p.desk.Finder(), Conn: p.at.air.over(p.desk.Listen()), Rand: rand.Reader, Log: log, Vouched: func() bool { return true },
			Listen:    func() (net.PacketConn, error) { return p.at.air.over(p.desk.Listen()), nil },
			Custodian: watched{daemon.Custodian(p.client), p.fetched},
		})
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.node.Run(ctx) }()
	p.end = func() error {
		cancel()
		return errors.Join(<-ended, db.Close())
	}
	return nil
}

// leaves ends the program, which says goodbye, and returns when everything is on disk.
func (p *person) leaves() error {
	if p.end == nil {
		return nil
	}
	end := p.end
	p.end = nil
	return end()
}

// reaches is how many supernodes the program has a link to.
func (p *person) reaches() (n int) {
	for _, c := range p.client.Communities() {
		for _, s := range c.Supernodes {
			if s.Reached {
				n++
			}
		}
	}
	return n
}
