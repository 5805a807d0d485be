package store

const (
	sqlSettingKeys = `SELECT key FROM settings WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key`
	sqlSetting     = `SELECT value FROM settings WHERE key=?`
	sqlDelSetting  = `DELETE FROM settings WHERE key=?`
	sqlSetSetting  = `INSERT INTO settings (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value=excluded.value`
)

// Setting returns the value of a setting, ErrNotFound when it was never set.
//
// spec: 09-storage#settings
func (tx *Tx) Setting(key string) (value []byte, err error) {
	err = tx.query(sqlSetting).text(key).one(func(r *row) { value = r.blob(0) })
	return value, err
}

// SettingKeys returns the keys that begin so, ascending.
func (tx *Tx) SettingKeys(prefix string) (keys []string, err error) {
	err = tx.query(sqlSettingKeys).text(prefix).each(func(r *row) { keys = append(keys, r.text(0)) })
	return keys, err
}

// SetSetting sets a setting.
func (tx *Tx) SetSetting(key string, value []byte) error {
	return tx.change(sqlSetSetting).text(key).blob(value).exec()
}

// DeleteSetting makes a setting one that was never set.
func (tx *Tx) DeleteSetting(key string) error {
	return tx.change(sqlDelSetting).text(key).exec()
}

// Secret is Setting for a value that holds secrets; it is sealed under its key.
//
// spec: 09-storage#sealed-values
func (tx *Tx) Secret(key string) (value []byte, err error) {
	err = tx.query(sqlSetting).text(key).one(func(r *row) { value = r.sealed(0, settingAD(key)) })
	return value, err
}

// SetSecret sets a setting that holds secrets.
func (tx *Tx) SetSecret(key string, value []byte) error {
	return tx.change(sqlSetSetting).text(key).sealed(value, settingAD(key)).exec()
}

func settingAD(key string) []byte { return []byte(adSetting + key) }
