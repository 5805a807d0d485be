package mailbox

// What the tests outside of the package, which use mailboxtest, need of its inside.
type (
	FileSystem = disk
	File       = file
)

var (
	OpenOn   = openOn
	SyncData = syncData
)
