//go:build !unix

package tui

import tea "charm.land/bubbletea/v2"

// putAside does nothing where shells put nothing aside.
func (*Model) putAside() tea.Cmd { return nil }
