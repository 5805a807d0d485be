package link

import "time"

// Constants of the protocol. spec: 03-links#limits
const (
	// handshakeTimeout bounds a link's way from first packet to proof, on both ends.
	handshakeTimeout = 5 * time.Second
	// unprovenMax is the number of accepted connections without proof at one time.
	unprovenMax = 64
	// unprovenPerAddressMax is the same for one IP address.
	unprovenPerAddressMax = 4
	// giveWayAfter is how long a connection may have taken before one of an address that
	// has none takes its place: a slow machine's handshake lasts a few tenths of that.
	giveWayAfter = time.Second
	// retryAbove: with more unproven connections than this, newcomers first show by
	// QUIC Retry that their address is theirs.
	retryAbove = 16
	// scansPerSecond bounds the hints looked up; scanBurst is what may come at once.
	scansPerSecond = 20
	scanBurst      = 4
	// keysPerScan is how many keys one look-up may try; with more of them it counts as
	// several look-ups. They take 2 ms on a core of a server.
	keysPerScan = 2048

	idleTimeout     = 30 * time.Second
	keepAlivePeriod = 10 * time.Second

	// BlobsPerStreamMax and BytesPerStreamMax bound one batch of blobs.
	BlobsPerStreamMax = 256
	BytesPerStreamMax = 4 << 20
	// blobStreamsMax is the number of blob streams open in one direction.
	blobStreamsMax = 4
	// blobStreamTimeout bounds the life of one blob stream, so that a slow far end
	// cannot hold four batches for ever. What arrived whole is kept.
	blobStreamTimeout = 30 * time.Second
	// contactStreamTimeout is the longest silence on a contact stream: a person may
	// have to look up; an exchange that takes longer resumes on a new stream.
	contactStreamTimeout = 10 * time.Minute
	// EndpointsMax is the number of endpoints one Dial races.
	EndpointsMax = 8
	// endpointStagger parts the starts of a race, so that the first endpoint usually
	// wins before the second costs anything.
	endpointStagger = 50 * time.Millisecond
	// placeStagger parts the places of a race: what was announced last has mostly won
	// before what is only remembered is bothered.
	placeStagger = 500 * time.Millisecond
	// placesMax is the number of places one Dial tries.
	placesMax = 4

	// custodyStreamsMax is the number of requests under way on one link to a supernode.
	custodyStreamsMax = 8
	// requestTimeout is how long a request may take to arrive; Await gives more to large ones.
	requestTimeout = 30 * time.Second
	// custodyIdleTimeout and custodyKeepAlive: members' links idle for days, so only one end
	// keeps them alive, as often as a home router's memory of UDP needs it.
	custodyIdleTimeout = 45 * time.Second
	custodyKeepAlive   = 15 * time.Second

	alpn          = "sottovoce/1"
	exporterLabel = "EXPORTER-sottovoce-link-1"
)

// Constants of this implementation.
const (
	// connectionIDLength in bytes: long enough against collisions among thousands.
	connectionIDLength = 8
	// streamsMax is what a dialler may open towards us: control and one contact stream.
	streamsMax = 2
	// initialWindow is what an unproven far end can make us buffer, in bytes; 64 of
	// them are 12 MiB. It holds a class-2 blob, so that one message needs no update.
	initialWindow   = 192 << 10
	streamWindowMax = 2 << 20
	linkWindowMax   = 4 << 20
	// connectionsMax bounds the connections that have not proven anything and those that
	// gave way but have not ended: QUIC drops who does not even finish TLS after 2.5 s.
	connectionsMax = 256
	// The windows of links at a supernode, in bytes: 1,000 that all send at once are 48 MiB, and
	// 1 GiB only if all of them are read as fast as they send.
	custodyStreamWindow    = 32 << 10
	custodyLinkWindow      = 48 << 10
	custodyStreamWindowMax = 512 << 10
	custodyLinkWindowMax   = 1 << 20
	// custodyBufferSize and custodyBulkSize are the read buffers of a request and of blobs, in bytes.
	custodyBufferSize = 512
	custodyBulkSize   = 32 << 10
	// custodyWriteMax is how many bytes of a page leave in one write, about.
	custodyWriteMax = 128 << 10
	// supernodeScansPerSecond and supernodeScanBurst: a supernode has few keys to try, and after
	// a restart hundreds of members come back within a minute.
	supernodeScansPerSecond = 100
	supernodeScanBurst      = 20
	silenceBytesMax         = 64 << 10 // read and thrown away after a decoy
	controlBufferSize       = 1 << 10  // read buffer of a link's frames, bytes: small, as most links idle
	blobBufferSize          = 4 << 10
	// sendQueueMax is how many calls of Send wait on one link before the next blocks.
	sendQueueMax = 64
	// writeBatchMax is how many bytes of frames leave in one write, about.
	writeBatchMax = 16 << 10
	// controlBlock divides the length of what is written to the control stream at once: the
	// length of receipts would tell contacts apart.
	controlBlock = 256
	// bytesPerSentStreamMax keeps our batches small enough to arrive within
	// blobStreamTimeout at 35 kB/s.
	bytesPerSentStreamMax = 1 << 20
	// writeTimeout is how long a far end may refuse to take frames.
	writeTimeout = 30 * time.Second
	// addressCheckPeriod is how often an idle link looks whether its far end moved.
	addressCheckPeriod = 5 * time.Second
	// provenQueueMax is the number of proven links that wait for Accept.
	provenQueueMax = 64
	// complaintPeriod and complaintBurst bound the log lines about bad input.
	complaintPeriod = 10 * time.Second
	complaintBurst  = 3
)
