package layercache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var errLocked = errors.New("another process holds the lock")

// lockRetry is how often a process looks whether another one has finished a layer.
const lockRetry = 10 * time.Millisecond

// lockFile takes an advisory lock without waiting. The lock ends with the file's close, also by the end of the process.
func lockFile(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// lockLayer waits until no other process unpacks the layer.
func (c *Cache) lockLayer(ctx context.Context, hexDigest string) (unlock func(), err error) {
	path := filepath.Join(c.root, "locks", hexDigest)
	for {
		file, err := lockFile(path, os.O_CREATE)
		if err == nil {
			// Whoever waits on a removed file finds the layer in the cache, so removing it while it is held is safe.
			return func() {
				os.Remove(path)
				file.Close()
			}, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}

func readBootID() string {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		// Elsewhere than on Linux every start counts as a new boot: layers are verified once a process.
		return time.Now().UTC().Format(time.RFC3339Nano)
	}
	return strings.TrimSpace(string(content))
}

func hasDigest(path, hexDigest string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return false, err
	}
	return hex.EncodeToString(hash.Sum(nil)) == hexDigest, nil
}
