package tui

import "testing"

// A passphrase that does not open is asked for again, as often as it takes; nothing says that somebody has stopped the node, and what
// is typed is not seen.
func TestWrongPassphrase(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.life.end()
		s.life.passphrase, s.life.starts = "horse", true
		s.begin().shows("That is not the passphrase", "Nothing is lost", "Passphrase:", "Esc quits").hides("was stopped")
		s.golden("unlock")
		s.wait(3 * retryEvery).shows("That is not the passphrase")
		s.types("hose").shows("Passphrase: ••••").hides("hose").keys("enter").shows("That is not the passphrase")
		s.types("horse").keys("enter").hides("Passphrase:").shows("Bruno", "message 0")
	})
}

// Who does not know it any more can leave.
func TestNoPassphrase(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.life.end()
		s.life.passphrase = "horse"
		if s.begin().keys("esc"); !s.quit {
			t.Error("Esc does not leave")
		}
	})
}

// Who starts a node again is asked for its passphrase; Esc goes back, and a node that somebody else starts ends the question.
func TestStartAgainAsks(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.talkative("Bruno", 1)
		s.begin().types("half a line")
		s.life.passphrase, s.life.starts = "horse", true
		s.life.end()
		s.do(nil)
		s.wait(deafTime).shows("was stopped").keys("enter").shows("takes your passphrase to start").hides("was stopped")
		s.keys("esc").shows("was stopped").keys("enter").types("hose").keys("enter").shows("That is not the passphrase")
		s.types("horse").keys("enter").hides("Passphrase:").shows("half a line", "message 0")
		s.life.end()
		s.do(nil)
		s.wait(deafTime).keys("enter").shows("Passphrase:")
		s.life.rise()
		s.wait(retryEvery).hides("Passphrase:").hides("was stopped").shows("half a line")
	})
}

// Why a node does not start stays to be read, whatever its passphrase.
func TestCannotStart(t *testing.T) {
	onStage(t, true, func(s *stage) {
		s.life.end()
		s.begin().shows("Sottovoce cannot start", "there is no port left").hides("somebody has stopped it")
		s.wait(3 * retryEvery).shows("there is no port left")
		s.life.passphrase = "horse"
		s.keys("enter").types("horse").keys("enter").shows("Sottovoce cannot start", "there is no port left").hides("Passphrase:")
	})
}
