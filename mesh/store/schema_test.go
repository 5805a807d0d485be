package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/schema-1.sql is schema version 1: once it was released, it stays.
func TestSchemaIsPinned(t *testing.T) {
	path := filepath.Join("testdata", "schema-1.sql")
	if *update {
		must(t, os.WriteFile(path, []byte(schema1), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	same(t, schema1, string(want))
}

func TestDatabaseIsAsItShouldBe(t *testing.T) {
	s := openHome(t, newHome(t))
	readers := []*conn{s.writer}
	doView(t, s, func(tx *Tx) {
		readers = append(readers, tx.c)
		for _, c := range readers {
			for pragma, want := range map[string]int64{
				"user_version": schemaVersion, "page_size": 4096, "synchronous": 2, "secure_delete": 1, "foreign_keys": 1,
				"temp_store": 2, "checksum_verification": 1, "busy_timeout": busyTimeout, "trusted_schema": 0,
			} {
				got, err := c.number("PRAGMA " + pragma)
				must(t, err)
				if got != want {
					t.Errorf("%s is %d, not %d", pragma, got, want)
				}
			}
		}
		must(t, tx.query("PRAGMA journal_mode").each(func(r *row) { same(t, r.text(0), "wal") }))
	})
	if err := s.View(func(tx *Tx) error { return tx.c.db.Exec("DELETE FROM events") }); err == nil {
		t.Error("a reader can write")
	}
}

// No statement of everyday reads a table from end to end, or sorts more than the
// ops of one lamport time and the awaited blobs of one pair.
func TestStatementsUseIndexes(t *testing.T) {
	s := openHome(t, newHome(t))
	for sql, sorts := range map[string]bool{
		sqlPlace: false, sqlOp: false, sqlOpsByID: false, sqlSetOpState: false, sqlLogEnd: true, sqlLogBefore: true, sqlAuthor: false,
		sqlSkipped: false, sqlDropSkipped: false, sqlDropSession: false, sqlCapSkipped: false, sqlSavePair: false,
		sqlUnsealed: false, sqlPending: true, sqlAddDelivery: false, sqlDeliveriesOf: false, sqlDeliveriesIn: true, sqlNoteSealed: false, sqlResealDelivery: false, sqlSetConversation: false, sqlSaveFixed: false, sqlDeliveryState: false, sqlSealDelivery: false,
		sqlOutBlobs: true, sqlOutHeads: true, sqlUnsealedCount: false, sqlOutBlob: false, sqlFindBlob: false, sqlDropBlob: false, sqlEvents: false, sqlLastCursor: false, sqlSetting: false,
		sqlKeepers: true, sqlCustodyOf: false, sqlSeenAt: false, sqlSetCustody: false, sqlSetOwes: false, sqlStretch: false, sqlSetStretch: false,
		sqlOpsAfter: false, sqlOpsBack: false, sqlSegmentsOf: false, sqlBlock: false, sqlDeleteBlocks: false, sqlDeleteSegment: false,
		sqlOpsOf: false, sqlDeleteOp: false, sqlDeleteDeliveries: false, sqlForgetWords: false, sqlAddChange: false, sqlDropChange: false, sqlChangesOf: false, sqlCountOf: false, sqlChangesOn: false, sqlDropByOp: false, sqlWaits: false, sqlForgetDeleted: false, sqlForgetDeletedOf: false, sqlDeleteConversation: false,
	} {
		doView(t, s, func(tx *Tx) {
			must(t, tx.query("EXPLAIN QUERY PLAN "+sql).each(func(r *row) {
				step := r.text(3)
				if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" {
					t.Errorf("%s\n%s", sql, step)
				}
				if strings.Contains(step, "TEMP B-TREE") && !sorts {
					t.Errorf("%s\n%s", sql, step)
				}
				t.Logf("%.40s: %s", sql, step)
			}))
		})
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	s := openHome(t, newHome(t))
	// Everything is there already, so that making it fails.
	if err := s.writer.migrate(0, schemaVersion); err == nil {
		t.Fatal("migrated twice")
	}
	if !s.writer.db.GetAutocommit() {
		t.Fatal("a transaction stays open")
	}
	v, err := s.writer.version()
	must(t, err)
	same(t, v, schemaVersion)
	w := newWorld()
	doUpdate(t, s, func(tx *Tx) { w.put(t, tx) })
	checkWorld(t, s, w)
}
