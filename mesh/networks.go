package mesh

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"sottovoce/mesh/contact"
	"sottovoce/mesh/identity"
	"sottovoce/mesh/store"
)

// networks is what a home remembers of networks. Where they are is not in it: whoever
// has all of it, the key included, can only test a guess.
//
// spec: 09-storage#networks
type networks struct {
	Key     [32]byte       `cbor:"0,keyasint"` // of the ids; all zero until the first network
	Default Visibility     `cbor:"1,keyasint"` // where nothing was chosen
	Known   []knownNetwork `cbor:"2,keyasint,omitempty"`
}

// knownNetwork is a network, or several at once, on which the node stood.
type knownNetwork struct {
	ID      networkID       `cbor:"0,keyasint"`
	Choice  Visibility      `cbor:"1,keyasint,omitempty"` // 0: none
	Seed    []byte          `cbor:"2,keyasint,omitempty"` // of the open profile shown there; none where it never was the whole footing
	Profile contact.Profile `cbor:"3,keyasint"`           // that the seed makes
	Day     uint16          `cbor:"4,keyasint"`           // when the node stood there last
}

// Format prints nothing of it.
func (networks) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(networks)") }

// Format prints nothing of it.
func (knownNetwork) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(network)") }

// settingNetworks is the setting that keeps them.
const settingNetworks = "networks"

// loadNetworks reads what is remembered; a home that is new remembers nothing. A home of
// before has it in clear until it is kept the next time.
func loadNetworks(tx *store.Tx) (networks, error) {
	k := networks{Default: Everyone}
	err := loadSecret(tx, settingNetworks, &k)
	if err != nil && loadSetting(tx, settingNetworks, &k) != nil {
		return networks{}, err
	}
	if k.Default < Everyone || k.Default > Nobody {
		return networks{}, errors.New("the networks: not a visibility")
	}
	return k, nil
}

func (k *networks) save(tx *store.Tx) error {
	return saveSecret(tx, settingNetworks, k)
}

// find returns what is known of a network, nil if it is not.
func (k *networks) find(id networkID) *knownNetwork {
	if i := slices.IndexFunc(k.Known, func(n knownNetwork) bool { return n.ID == id }); i >= 0 {
		return &k.Known[i]
	}
	return nil
}

// at returns what is known of a network; from then on it is.
func (k *networks) at(id networkID) *knownNetwork {
	if known := k.find(id); known != nil {
		return known
	}
	k.Known = append(k.Known, knownNetwork{ID: id})
	return &k.Known[len(k.Known)-1]
}

// visibility is the least visible choice for some networks.
func (k *networks) visibility(ids []networkID) Visibility {
	var least Visibility
	for _, id := range ids {
		v := k.Default
		if known := k.find(id); known != nil && known.Choice != 0 {
			v = known.Choice
		}
		least = max(least, v)
	}
	return least
}

// choose keeps a choice for all networks of a footing.
func (k *networks) choose(g footing, v Visibility) {
	for _, id := range g.ids() {
		k.at(id).Choice = v
	}
}

// visit notes that the node stands on a footing now. The first that it ever stood on has
// the open profile of the home's founding, each other one a new one. fresh says that one of
// the networks was not known and nothing is chosen for it.
func (k *networks) visit(g footing, today uint16, first identity.OpenSeed, random io.Reader) (fresh bool, err error) {
	founded := len(k.Known) == 0
	for _, id := range g.ids() {
		fresh = fresh || !founded && k.find(id) == nil
		k.at(id).Day = today
	}
	whole := k.at(g.whole(k.Key))
	whole.Day = today
	if whole.Seed != nil {
		return fresh, nil
	}
	profile := identity.OpenProfileFromSeed(first)
	if !founded {
		if profile, err = identity.NewOpenProfile(random); err != nil {
			return false, err
		}
	}
	seed := profile.Seed()
	whole.Seed, whole.Profile = seed[:], contact.Profile(profile.Public().Agree)
	return fresh, nil
}

// profile is the open profile of a footing that was visited.
func (k *networks) profile(g footing) *identity.OpenProfile {
	return identity.OpenProfileFromSeed(identity.OpenSeed(k.find(g.whole(k.Key)).Seed))
}

// elsewhere reports whether a profile is ours on a network other than that of the profile
// here.
func (k *networks) elsewhere(profile, here contact.Profile) bool {
	return profile != here && slices.ContainsFunc(k.Known, func(n knownNetwork) bool { return n.Seed != nil && n.Profile == profile })
}

// forgetOldest keeps no more networks than networksMax, of which g, then those in use and
// those that something was chosen for are the last to go: a flood of networks, which a
// neighbour can feign, takes no choice back. It returns the profiles that are gone.
func (k *networks) forgetOldest(g footing, inUse func(contact.Profile) bool) (gone []contact.Profile) {
	here := append(g.ids(), g.whole(k.Key))
	weight := func(n knownNetwork) int {
		switch {
		case slices.Contains(here, n.ID):
			return 2 << 16
		case n.Choice != 0, n.Seed != nil && inUse(n.Profile):
			return 1<<16 | int(n.Day)
		}
		return int(n.Day)
	}
	for len(k.Known) > networksMax {
		oldest := 0
		for i := range k.Known {
			if weight(k.Known[i]) < weight(k.Known[oldest]) {
				oldest = i
			}
		}
		if k.Known[oldest].Seed != nil {
			gone = append(gone, k.Known[oldest].Profile)
		}
		k.Known = slices.Delete(k.Known, oldest, oldest+1)
	}
	return gone
}
