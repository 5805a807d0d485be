package session

// DialSecret returns the secret that keys the next link we dial: that of the
// newest epoch that the peer is known to hold, of the first session that it is
// known to have; before there is one, the contact secret.
//
// spec: 04-sessions#link-keys
func (p *Pair) DialSecret() Secret {
	if s, found := p.reached(); found {
		for _, e := range s.Ratchet.Epochs() {
			if e.Number == s.Ratchet.Confirmed() {
				return e.Link
			}
		}
	}
	return p.s.Contact
}

// AcceptSecrets returns the secrets under which the peer may dial us: of every
// session that it may take for current the confirmed epoch and its neighbours;
// and the contact secret until an epoch of 1 or more was confirmed, in whatever session.
//
// spec: 04-sessions#link-keys
func (p *Pair) AcceptSecrets() []Secret {
	var secrets []Secret
	for _, s := range shared(p.s.Sessions) {
		for _, e := range s.Ratchet.Epochs() {
			secrets = append(secrets, e.Link)
		}
	}
	if p.s.Rolled {
		return secrets
	}
	return append(secrets, p.s.Contact)
}
