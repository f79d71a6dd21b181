// Package outfile writes and reads the files that an engine exchanges with its parent.
package outfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

// Write makes a file of what fill writes, gzip-compressed when the path ends in .gz. The file appears whole or not at all. It returns the
// file's size in bytes.
func Write(path string, fill func(io.Writer) error) (size int64, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(file.Close()), os.Remove(file.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(file, 256<<10)
	if strings.HasSuffix(path, ".gz") {
		// Level 1: the size differs by a sixth from the default level's, the time by half.
		compressor, err := gzip.NewWriterLevel(buffered, gzip.BestSpeed)
		if err != nil {
			return 0, err
		}
		if err := fill(compressor); err != nil {
			return 0, err
		}
		if err := compressor.Close(); err != nil {
			return 0, failure.Wrap(failure.Local, err)
		}
	} else if err := fill(buffered); err != nil {
		return 0, err
	}
	if err := buffered.Flush(); err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	info, err := file.Stat()
	if err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	if err := file.Chmod(0o644); err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	if err := file.Close(); err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return 0, failure.Wrap(failure.Local, err)
	}
	return info.Size(), nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Read returns a file's content, decompressed when it is gzip, up to limitBytes.
func Read(path string, limitBytes int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buffered := bufio.NewReaderSize(file, 256<<10)
	var reader io.Reader = buffered
	if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		decompressor, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err
		}
		defer decompressor.Close()
		reader = decompressor
	}
	content, err := io.ReadAll(io.LimitReader(reader, limitBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limitBytes {
		return nil, failure.New(failure.SBOMInvalid, "the file holds more than %d bytes", limitBytes)
	}
	return content, nil
}
