// Package deb installs the Debian packages on a machine of their own, upgrades, removes and purges them, and looks at what the services do there.
//
// The machine is a Debian that debootstrap makes in memory, with its own systemd in namespaces: units are started, watched and shut off
// as they are on a real one. It has a network of its own with nobody on it. What the program itself does is for the other tests. For make pi
// it has another processor, and the kernel runs each of its programs under qemu-user.
package deb
