package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sottovoce/cmd/internal/control"
)

type retentionCommand struct {
	Days *int    `help:"Delete messages this many days after they came; 0 is never." placeholder:"N"`
	Disk *string `help:"Delete the oldest messages when all take more room than this, such as 500MiB or 2GiB; 0 is never." placeholder:"SIZE"`
}

// Help explains the command to a person.
func (retentionCommand) Help() string {
	return explain("Without flags, shows how long messages are kept. What waits to be sent is kept in any case. Deletes here only: others keep what they have.",
		"sottovoce retention --days 365")
}

// Run shows or changes how long messages are kept.
func (r *retentionCommand) Run(c *call) error {
	ctx, cancel := c.soon()
	defer cancel()
	kept, err := c.node.Retention(ctx)
	if err == nil && (r.Days != nil || r.Disk != nil) {
		if r.Days != nil {
			kept.Days = *r.Days
		}
		if r.Disk != nil {
			if kept.Disk, err = parseSize(*r.Disk); err != nil {
				return err
			}
		}
		kept, err = c.node.SetRetention(ctx, kept)
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(kept)
	}
	days, disk := "for ever", "on any room"
	if kept.Days > 0 {
		days = fmt.Sprintf("for %d days", kept.Days)
	}
	if kept.Disk > 0 {
		disk = "on at most " + size(kept.Disk)
	}
	return c.printf("Messages are kept %s, %s; now on %s.\n", days, disk, size(kept.Used))
}

// units of sizes, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1}}

// parseSize reads a number of bytes such as 2GiB or 500 MB.
func parseSize(text string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(strings.TrimSpace(text), u.name)
		if !ok {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil && n >= 0 && n*float64(u.bytes) < math.MaxInt64 {
			return int64(n * float64(u.bytes)), nil
		}
		break
	}
	return 0, control.Errorf(control.CodeUsage, "a size is a number such as 500MiB or 2GiB; not %q", text)
}

// size shows a number of bytes to a person.
func size(bytes int64) string {
	for _, u := range units[:3] {
		if bytes >= u.bytes {
			return strconv.FormatFloat(float64(bytes)/float64(u.bytes), 'f', 1, 64) + " " + u.name
		}
	}
	return fmt.Sprintf("%d B", bytes)
}
