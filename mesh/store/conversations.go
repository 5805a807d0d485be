package store

// Conversation is one log of ops.
//
// spec: 09-storage#conversations
type Conversation struct {
	ID      int64    // row; 0 until PutConversation
	Key     [32]byte // conversation id on the wire; never changes
	Kind    uint8    // package conversation's
	Contact int64    // row of the other account of a direct one, else 0
	Log     []byte   // saved head state of package conversation
}

const (
	sqlAddConversation = `INSERT INTO conversations (kind, contact, log, key, id) VALUES (?,nullif(?,0),?,?,?)`
	sqlSetConversation = `UPDATE conversations SET kind=?, contact=nullif(?,0), log=? WHERE id=?`
	sqlConversations   = `SELECT id, key, kind, ifnull(contact,0), log FROM conversations WHERE erased=0 ORDER BY id`
)

// PutConversation inserts the conversation and sets its ID when that is 0, and
// changes the conversation of that ID otherwise, but for the Key: ErrNotFound if
// there is none.
// A new one gets a body key of its own, which is in the key file before the
// transaction is durable.
//
// spec: 09-storage#body-keys
func (tx *Tx) PutConversation(c *Conversation) error {
	fresh := c.ID == 0
	err := tx.put(&c.ID, sqlAddConversation, sqlSetConversation, func(q *query, _ int64) {
		q.int(int64(c.Kind)).int(c.Contact).blob(c.Log)
		if fresh { // an index would be written again with the same key
			q.blob(c.Key[:])
		}
	})
	if err != nil || !fresh {
		return err
	}
	return tx.drawBodyKey(c.ID)
}

// Conversations returns all conversations in the order they came.
func (tx *Tx) Conversations() ([]Conversation, error) {
	var all []Conversation
	err := tx.query(sqlConversations).each(func(r *row) {
		c := Conversation{ID: r.int(0), Kind: r.uint8(2), Contact: r.int(3), Log: r.blob(4)}
		r.array(1, c.Key[:])
		all = append(all, c)
	})
	return all, err
}
