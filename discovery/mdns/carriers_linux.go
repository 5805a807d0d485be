package mdns

import (
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// carriers says how often the carrier of each interface came or went, by its
// index. So a cable that was moved is noticed even if nobody looked meanwhile.
func carriers() map[int]uint32 {
	links, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	out := make(map[int]uint32)
	for _, m := range messages(links, syscall.RTM_NEWLINK, syscall.SizeofIfInfomsg) {
		index := int(int32(binary.NativeEndian.Uint32(m[4:])))
		attributes(m[syscall.SizeofIfInfomsg:], func(kind uint16, value []byte) {
			if kind == unix.IFLA_CARRIER_CHANGES && len(value) == 4 {
				out[index] = binary.NativeEndian.Uint32(value)
			}
		})
	}
	return out
}
