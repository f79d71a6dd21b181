package difference

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// formVersion rises when fingerprints are made or written in another way.
const formVersion = 1

// kept is a fingerprint in a file, with what it is of.
type kept struct {
	Form     int
	Checksum string
	*Fingerprint
}

// Load reads a kept fingerprint of the database with the checksum; nil when there is none, or when the file is of anything else.
func Load(path, checksum string) *Fingerprint {
	content, err := os.ReadFile(path)
	if err != nil || len(content) < 8 {
		return nil
	}
	body := content[8:]
	if !bytes.Equal(content[:8], sumOf(body)) {
		return nil
	}
	var found kept
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&found); err != nil {
		return nil
	}
	if found.Form != formVersion || found.Checksum != checksum {
		return nil
	}
	return found.Fingerprint
}

// Keep writes a fingerprint, so that the next process need not read the database for it. The file is there whole or not at all.
func (f *Fingerprint) Keep(path, checksum string) (err error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(kept{formVersion, checksum, f}); err != nil {
		return fmt.Errorf("a fingerprint cannot be written: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, writeErr := file.Write(append(sumOf(body.Bytes()), body.Bytes()...))
	if err := errors.Join(writeErr, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func sumOf(body []byte) []byte {
	h := xxhash.New()
	_, _ = h.Write(body)
	return h.Sum(nil)
}
