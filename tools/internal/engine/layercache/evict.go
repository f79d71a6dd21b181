package layercache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// evict removes the layers that were used longest ago until the rest fits the budget.
func (c *Cache) evict() error {
	// One process evicts at a time; while it does, others need not.
	lock, err := lockFile(filepath.Join(c.root, "locks", "evict"), os.O_CREATE)
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()

	type candidate struct {
		hexDigest string
		sizeBytes int64
		usedAt    time.Time
	}
	names, err := os.ReadDir(filepath.Join(c.root, "layers"))
	if err != nil {
		return err
	}
	var candidates []candidate
	var totalBytes int64
	for _, name := range names {
		hexDigest, isLayer := strings.CutSuffix(name.Name(), ".tar")
		if !isLayer {
			continue
		}
		info, err := name.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		candidates = append(candidates, candidate{hexDigest, info.Size(), info.ModTime()})
		totalBytes += info.Size()
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return a.usedAt.Compare(b.usedAt) })
	for _, oldest := range candidates {
		if totalBytes <= c.budgetBytes {
			break
		}
		if err := c.remove(oldest.hexDigest); err != nil {
			return err
		}
		totalBytes -= oldest.sizeBytes
	}
	return nil
}
