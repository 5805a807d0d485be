//go:build !linux

package mdns

// systemRouters knows no routers: this system is not asked for them.
func systemRouters() map[int]Router { return nil }
