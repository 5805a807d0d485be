package handshake

// Constants of the protocol. spec: 03-links#the-flights
const (
	// FlightSize is the length in bytes of every flight, decoys included.
	FlightSize = 512
	// HintSize is the length in bytes of the hint in flight 1.
	HintSize = 16
	// KeySize is the length in bytes of an X25519 key, private or public.
	KeySize = 32
	// LabelSize is the length in bytes of what an end calls itself in mode pair.
	LabelSize = 32
	// labelBit is set in the last byte of each label, and in no X25519 key: nobody can call
	// themselves by a key.
	labelBit = 0x80

	payloadVersion = 1
	payloadHeader  = 3  // version byte and the two length bytes of the map
	tagSize        = 16 // ChaCha20-Poly1305
	messageOffset  = 1 + HintSize
)

// Labels of the key derivations. spec: 03-links#link-keys
const (
	labelPSK      = "sv1 link psk"
	labelHint     = "sv1 link hint"
	labelPrologue = "sv1 link"
	labelHintMAC  = "i"
)

// responderWork is the number of X25519 operations in Answer on the longest honest
// path (contact: our public key, es, ss, e, ee, se). Every decoy is topped up to it, so that the
// time of an answer does not tell why it is a decoy.
const responderWork = 6
