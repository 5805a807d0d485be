package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sottovoce/cmd/internal/cluster"
	"sottovoce/cmd/internal/netlab"
	"sottovoce/mesh/link"
)

const (
	// clusterBlobs is how many blobs of 4 KiB are left at supernodes before a cluster, and published without them.
	clusterBlobs = 10_240
	// clusterBatch is how many of them share a deposit, of which cluster.Each makes eight at a time, and clusterPending how many are published
	// at a time.
	clusterBatch, clusterPending = 32, 256
	// clusterPeople is how many leave them, each within the tokens of a day.
	clusterPeople = 16
	// clusterRounds is how often both are measured by turns.
	clusterRounds = 3
	// streamRest is how long streams rest before it is looked at what they take, and how long that is looked at.
	streamRest = 5 * time.Second
)

// BenchmarkCluster measures durable deposits with tokens at one process and at two before three nats-servers, and in turns with them what
// is published to the same servers in three copies, with as much under way.
func BenchmarkCluster(b *testing.B) {
	results.begin()
	lan := netlab.New(b, netlab.IPv4)
	servers := cluster.StartServers(b, lan)
	front, _ := cluster.Found(b, lan.Host("front0"), "--store", servers.URL())
	fronts := []*cluster.Front{front, front.Beside(lan.Host("front1"))}
	for _, f := range fronts {
		f.Up()
	}
	crowd := cluster.NewCrowd(b, lan, fronts...)
	people := crowd.Join(2*clusterRounds*clusterPeople, front.Invite(2*clusterRounds*clusterPeople), fronts...)
	js := servers.Dial(lan.Host("publisher"))
	var bare, one, two []float64
	var disk int64
	for some := range slices.Chunk(people, 2*clusterPeople) {
		bare = append(bare, clusterBlobs/published(b, js, []string{"bare"}, clusterBlobs).Seconds())
		before := servers.Disk()
		one = append(one, clusterBlobs/deposited(b, some[:clusterPeople], fronts[:1]).Seconds())
		two = append(two, clusterBlobs/deposited(b, some[clusterPeople:], fronts).Seconds())
		disk = servers.Disk() - before
	}
	for _, f := range []figure{{Name: "deposits, one process before a cluster", Value: median(one)}, {Name: "deposits, two processes", Value: median(two)}} {
		f.Unit, f.Samples, f.Yardstick, f.Yard, f.RatioMin = "/s", clusterRounds*clusterBlobs, "JetStream, 3 copies, sync always", median(bare), 0.5
		results.put(b, f)
	}
	results.put(b, figure{Name: "disk for each deposit and server", Value: float64(disk) / (2 * clusterBlobs) / 3, Unit: "B", Samples: 2 * clusterBlobs})
	results.put(b, figure{Name: "memory of three nats-servers then", Value: float64(servers.Memory()) / 1e6, Unit: "MB", Samples: 1})
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// deposited is how long members take to leave blobs at supernodes, each on a link of its own.
func deposited(b *testing.B, people []*cluster.Member, fronts []*cluster.Front) time.Duration {
	b.Helper()
	const each = clusterBlobs / clusterPeople
	links, blobs := make([]*link.Link, len(people)), make([][][]byte, len(people))
	for i, m := range people {
		if err := m.Enter(fronts[i%len(fronts)], each); err != nil {
			b.Fatal(err)
		}
		l, hang, err := m.Member(b.Context(), fronts[i%len(fronts)])
		if err != nil {
			b.Fatal(err)
		}
		defer hang()
		links[i], blobs[i] = l, cluster.Blobs(each, people)
	}
	begun := time.Now()
	err := cluster.Each(people, func(i int, m *cluster.Member) error {
		for batch := range slices.Chunk(blobs[i], clusterBatch) {
			if _, err := m.Deposit(b.Context(), links[i], batch, m.Take(len(batch))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// published is how long so many messages of 4 KiB take to be acknowledged that go to streams by turns.
func published(b *testing.B, js jetstream.JetStream, streams []string, n int) time.Duration {
	b.Helper()
	js, err := jetstream.New(js.Conn(), jetstream.WithPublishAsyncMaxPending(clusterPending))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range streams {
		tripled(b, js, name)
	}
	body := make([]byte, 4096)
	begun := time.Now()
	var acks []jetstream.PubAckFuture
	for i := range n {
		ack, err := js.PublishAsync(streams[i%len(streams)], body, jetstream.WithStallWait(time.Minute))
		if err != nil {
			b.Fatal(err)
		}
		acks = append(acks, ack)
	}
	<-js.PublishAsyncComplete()
	took := time.Since(begun)
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			b.Fatal(err)
		}
	}
	return took
}

// tripled makes a stream in three copies, if there is none of that name.
func tripled(b *testing.B, js jetstream.JetStream, name string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Replicas: 3})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStreams measures what streams in three copies cost three servers, synced always: idle, and published to by turns.
func BenchmarkStreams(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			results.begin()
			lan := netlab.New(b, netlab.IPv4)
			servers := cluster.StartServers(b, lan)
			js := servers.Dial(lan.Host("publisher"))
			put := func(what string, v float64, unit string) {
				results.put(b, figure{Name: fmt.Sprintf("%d streams: %s", n, what), Value: v, Unit: unit, Samples: 1})
			}
			time.Sleep(streamRest)
			memory, disk, each := servers.Memory(), servers.Disk(), float64(3*n)
			var names []string
			for i := range n {
				names = append(names, fmt.Sprint("stream", i))
				tripled(b, js, names[i])
			}
			time.Sleep(streamRest)
			put("idle memory a stream and server", float64(servers.Memory()-memory)/each/1e3, "kB")
			put("idle disk a stream and server", float64(servers.Disk()-disk)/each/1e3, "kB")
			busy := servers.Busy()
			time.Sleep(streamRest)
			put("idle processor of three servers", 100*(servers.Busy()-busy).Seconds()/streamRest.Seconds(), "%")
			disk, busy = servers.Disk(), servers.Busy()
			took := published(b, js, names, clusterBlobs)
			put("4 KiB by turns", clusterBlobs/took.Seconds(), "/s")
			put("processor of three servers for each", float64((servers.Busy()-busy).Microseconds())/clusterBlobs, "µs")
			put("memory of a server then", float64(servers.Memory())/3e6, "MB")
			put("disk for each and server", float64(servers.Disk()-disk)/clusterBlobs/3, "B")
		})
	}
}
