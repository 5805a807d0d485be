package verify

// Symbol is one of the 64 emoji, with its names.
type Symbol struct {
	Emoji   string
	English string
	Italian string
}

// Emoji is what a comparison ends in: seven places in the table of symbols.
type Emoji [EmojiCount]uint8

// Symbols returns the emoji with their names.
func (e Emoji) Symbols() []Symbol { return symbols(e[:]) }

// SymbolAt returns what stands at a place of the table, below SymbolCount.
func SymbolAt(place uint8) Symbol { return table[place] }

// symbols looks places of the table up.
func symbols(places []uint8) []Symbol {
	found := make([]Symbol, len(places))
	for i, p := range places {
		found[i] = table[p]
	}
	return found
}

// sixes cuts bytes into pieces of six bits, the highest first.
func sixes(b []byte, places []uint8) {
	for i := range places {
		var six uint8
		for bit := 6 * i; bit < 6*i+6; bit++ {
			six = six<<1 | b[bit/8]>>(7-bit%8)&1
		}
		places[i] = six
	}
}

// table is frozen: its places are what the two sides agree on. Pictures and names were
// chosen so that none is taken for another, seen small or heard over a bad line.
//
// spec: 05-contacts#the-emoji
var table = [SymbolCount]Symbol{
	{"🐕", "dog", "cane"},
	{"🐈", "cat", "gatto"},
	{"🐎", "horse", "cavallo"},
	{"🐄", "cow", "mucca"},
	{"🐖", "pig", "maiale"},
	{"🐘", "elephant", "elefante"},
	{"🐇", "rabbit", "coniglio"},
	{"🦁", "lion", "leone"},
	{"🐧", "penguin", "pinguino"},
	{"🐢", "turtle", "tartaruga"},
	{"🐟", "fish", "pesce"},
	{"🐙", "octopus", "polpo"},
	{"🦋", "butterfly", "farfalla"},
	{"🦀", "crab", "granchio"},
	{"🐌", "snail", "lumaca"},
	{"🐊", "crocodile", "coccodrillo"},
	{"🌵", "cactus", "cactus"},
	{"🌴", "palm tree", "palma"},
	{"🌻", "sunflower", "girasole"},
	{"🤖", "robot", "robot"},
	{"🍎", "apple", "mela"},
	{"🍌", "banana", "banana"},
	{"🍇", "grapes", "uva"},
	{"🍓", "strawberry", "fragola"},
	{"🌽", "corn", "mais"},
	{"🥕", "carrot", "carota"},
	{"🍕", "pizza", "pizza"},
	{"💡", "light bulb", "lampadina"},
	{"🧀", "cheese", "formaggio"},
	{"🎲", "dice", "dado"},
	{"🎂", "cake", "torta"},
	{"🍦", "ice cream", "gelato"},
	{"🌍", "globe", "mappamondo"},
	{"🌙", "moon", "luna"},
	{"⭐", "star", "stella"},
	{"🌈", "rainbow", "arcobaleno"},
	{"🔥", "fire", "fuoco"},
	{"💧", "drop", "goccia"},
	{"⛄", "snowman", "pupazzo di neve"},
	{"☔", "umbrella", "ombrello"},
	{"🌋", "volcano", "vulcano"},
	{"⛺", "tent", "tenda"},
	{"🚁", "helicopter", "elicottero"},
	{"🚜", "tractor", "trattore"},
	{"🚲", "bicycle", "bicicletta"},
	{"🚂", "train", "treno"},
	{"🚀", "rocket", "razzo"},
	{"⚓", "anchor", "ancora"},
	{"🎈", "balloon", "palloncino"},
	{"🎁", "gift", "regalo"},
	{"🎸", "guitar", "chitarra"},
	{"🎺", "trumpet", "tromba"},
	{"🔭", "telescope", "telescopio"},
	{"💎", "diamond", "diamante"},
	{"🔑", "key", "chiave"},
	{"📷", "camera", "macchina fotografica"},
	{"🔨", "hammer", "martello"},
	{"📎", "paper clip", "graffetta"},
	{"📖", "book", "libro"},
	{"⏰", "alarm clock", "sveglia"},
	{"👓", "glasses", "occhiali"},
	{"🎒", "backpack", "zaino"},
	{"⏳", "hourglass", "clessidra"},
	{"👟", "shoe", "scarpa"},
}
