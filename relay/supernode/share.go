package supernode

// roomFor is how many more bytes the community number i may have on a disk of limit bytes, of
// which used[j] are held for each, and each may have most[j]: half of the disk belongs to the communities in
// equal shares, whoever comes when, and the rest to who comes first. What was accepted is never given up for
// somebody else: a receipt is a promise, so fairness shows in what is refused.
//
// spec: 08-custody#full-disk
func roomFor(limit int64, used, most []int64, i int) int64 {
	own := limit / 2 / int64(len(used))
	room := limit
	for j, u := range used {
		room -= u
		if j != i {
			room -= max(min(own, most[j])-u, 0)
		}
	}
	return max(min(room, most[i]-used[i]), 0)
}

// allowanceAt is how many tokens a member may draw for a day while used of limit bytes are taken.
// From three quarters on it falls, to an eighth on a full disk: a few who write much are slowed
// down before all are refused.
//
// spec: 08-custody#full-disk
func allowanceAt(allowance int, used, limit int64) int {
	calm := limit / 4 * 3
	if limit <= 0 || used <= calm {
		return allowance
	}
	least := allowance / 8
	left := float64(max(limit-used, 0)) / float64(limit-calm)
	return max(least+int(float64(allowance-least)*left), min(allowance, 1))
}
