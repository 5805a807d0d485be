// Package config says where things are: the home of an identity and what is found in it.
//
// It leaves making, locking and reading them to those who own them.
package config

import (
	"errors"
	"path/filepath"

	"github.com/adrg/xdg"
)

// HomeEnv is the environment variable that chooses the home.
const HomeEnv = "SOTTOVOCE_HOME"

// Home is the absolute path of the home: the one given by flag or environment, or sottovoce in the XDG data directory.
// It need not exist.
func Home(given string) (string, error) {
	if given == "" {
		if xdg.DataHome == "" {
			return "", errors.New("there is no data directory for this user; give one with --home")
		}
		given = filepath.Join(xdg.DataHome, "sottovoce")
	}
	return filepath.Abs(given)
}
