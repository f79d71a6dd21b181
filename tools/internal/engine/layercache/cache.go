// Package layercache keeps unpacked image layers, by the digest of their content, within a budget of disk space.
//
// Several engine processes may use one cache directory at once, and a process may be killed at any point:
//
//	layers/<hex>.tar   an unpacked layer; it appears by rename, whole
//	layers/<hex>.json  what is known of it; it appears before the layer
//	locks/             held while one process unpacks a layer, so that others wait for it instead of doing it too
//	work/<name>/       one process's hard links to the layers that it reads, and its partial files; its lock file tells the dead from the living
//
// A reader holds a hard link, so eviction never takes a file from under it.
package layercache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Limits bound what an image may unpack to.
type Limits struct {
	// LayerBytes and ImageBytes are uncompressed sizes.
	LayerBytes int64
	ImageBytes int64
	// Files is the number of entries of a whole image.
	Files int64
}

// Cache is one process's access to a cache directory.
type Cache struct {
	root        string
	work        string
	budgetBytes int64
	workLock    *os.File
	// bootID tells a crash of the machine from a crash of a process: only the former can leave a renamed file without its content.
	bootID string

	mutex    sync.Mutex
	sequence int
	hits     int
	misses   int
}

// entry is what layers/<hex>.json says of a layer.
type entry struct {
	SizeBytes int64  `json:"sizeBytes"`
	Files     int64  `json:"files"`
	BootID    string `json:"bootId"`
}

// Open prepares a cache directory and removes what dead processes left in it.
func Open(root string, budgetBytes int64) (*Cache, error) {
	for _, name := range []string{"layers", "locks", "work"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			return nil, err
		}
	}
	cache := &Cache{root: root, budgetBytes: budgetBytes, bootID: readBootID()}
	if err := cache.claimWork(); err != nil {
		return nil, err
	}
	if err := cache.sweep(); err != nil {
		return nil, errors.Join(err, cache.Close())
	}
	return cache, nil
}

// Close gives the process's part of the directory back.
func (c *Cache) Close() error {
	return errors.Join(os.RemoveAll(c.work), c.workLock.Close())
}

// Counts are the layers served from the cache and those that had to be unpacked.
func (c *Cache) Counts() (hits, misses int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.hits, c.misses
}

// claimWork makes this process's own directory, its lock taken before anyone could see it unlocked.
func (c *Cache) claimWork() error {
	parent := filepath.Join(c.root, "work")
	claim, err := os.MkdirTemp(c.root, ".claim-")
	if err != nil {
		return err
	}
	lock, err := lockFile(filepath.Join(claim, "lock"), os.O_CREATE)
	if err != nil {
		return errors.Join(err, os.RemoveAll(claim))
	}
	c.workLock = lock
	c.work = filepath.Join(parent, strings.TrimPrefix(filepath.Base(claim), ".claim-"))
	if err := os.Rename(claim, c.work); err != nil {
		return errors.Join(err, lock.Close(), os.RemoveAll(claim))
	}
	return nil
}

// sweep removes the directories of processes that no longer hold their lock.
func (c *Cache) sweep() error {
	owned, err := filepath.Glob(filepath.Join(c.root, "work", "*"))
	if err != nil {
		return err
	}
	claims, err := filepath.Glob(filepath.Join(c.root, ".claim-*"))
	if err != nil {
		return err
	}
	for _, directory := range append(owned, claims...) {
		if directory == c.work {
			continue
		}
		lock, err := lockFile(filepath.Join(directory, "lock"), 0)
		// A directory without a lock file is just being made or removed by another process.
		if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(directory), lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Unpacker writes a layer's uncompressed tar to a file and says how many entries it has. It verifies what it reads.
type Unpacker func(ctx context.Context, to *os.File) (files int64, err error)

// Layer is an unpacked layer that a process holds.
type Layer struct {
	// Path is the process's own link to the uncompressed tar.
	Path      string
	SizeBytes int64
	Files     int64
	// IsCached tells that the layer was there already.
	IsCached bool
}

// View is the set of layers that one image uses; its directory goes away with Close.
type View struct {
	cache     *Cache
	Directory string
}

// NewView makes an empty directory to link layers into.
func (c *Cache) NewView() (*View, error) {
	c.mutex.Lock()
	c.sequence++
	name := fmt.Sprintf("image-%d", c.sequence)
	c.mutex.Unlock()
	directory := filepath.Join(c.work, name)
	if err := os.Mkdir(directory, 0o700); err != nil {
		return nil, err
	}
	return &View{cache: c, Directory: directory}, nil
}

// Close releases the view's layers.
func (v *View) Close() error { return os.RemoveAll(v.Directory) }

// Layer links the layer of the given content digest (sha256, hex) into the view under name, and unpacks it first where it is not cached.
func (v *View) Layer(ctx context.Context, hexDigest, name string, unpack Unpacker) (*Layer, error) {
	c := v.cache
	target := filepath.Join(v.Directory, name)
	if layer, err := c.link(hexDigest, target); layer != nil || err != nil {
		return layer, err
	}
	unlock, err := c.lockLayer(ctx, hexDigest)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Another process may have unpacked it while this one waited.
	if layer, err := c.link(hexDigest, target); layer != nil || err != nil {
		return layer, err
	}
	c.mutex.Lock()
	c.misses++
	c.mutex.Unlock()
	return c.fill(ctx, hexDigest, target, unpack)
}

// link serves a layer from the cache; nil when it is not there.
func (c *Cache) link(hexDigest, target string) (*Layer, error) {
	known, err := c.readEntry(hexDigest)
	if known == nil || err != nil {
		return nil, err
	}
	path := c.layerPath(hexDigest)
	if err := os.Link(path, target); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, err
	}
	isWhole := info.Size() == known.SizeBytes
	if isWhole && known.BootID != c.bootID {
		isWhole, err = hasDigest(target, hexDigest)
		if err != nil {
			return nil, err
		}
		if isWhole {
			known.BootID = c.bootID
			if err := c.writeEntry(hexDigest, *known); err != nil {
				return nil, err
			}
		}
	}
	if !isWhole {
		return nil, errors.Join(os.Remove(target), c.remove(hexDigest))
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c.mutex.Lock()
	c.hits++
	c.mutex.Unlock()
	return &Layer{Path: target, SizeBytes: known.SizeBytes, Files: known.Files, IsCached: true}, nil
}

// fill unpacks a layer into the view and gives the cache a link to it.
func (c *Cache) fill(ctx context.Context, hexDigest, target string, unpack Unpacker) (layer *Layer, err error) {
	partial, err := os.OpenFile(target+".partial", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(partial.Name()))
		}
	}()
	files, err := unpack(ctx, partial)
	if err != nil {
		return nil, errors.Join(err, partial.Close())
	}
	info, err := partial.Stat()
	if err != nil {
		return nil, errors.Join(err, partial.Close())
	}
	if err := partial.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(partial.Name(), target); err != nil {
		return nil, err
	}
	layer = &Layer{Path: target, SizeBytes: info.Size(), Files: files}
	if info.Size() > c.budgetBytes {
		return layer, nil
	}
	if err := c.writeEntry(hexDigest, entry{SizeBytes: info.Size(), Files: files, BootID: c.bootID}); err != nil {
		return nil, err
	}
	if err := os.Link(target, c.layerPath(hexDigest)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return layer, c.evict()
}

func (c *Cache) layerPath(hexDigest string) string {
	return filepath.Join(c.root, "layers", hexDigest+".tar")
}

func (c *Cache) entryPath(hexDigest string) string {
	return filepath.Join(c.root, "layers", hexDigest+".json")
}

func (c *Cache) readEntry(hexDigest string) (*entry, error) {
	content, err := os.ReadFile(c.entryPath(hexDigest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var known entry
	if json.Unmarshal(content, &known) != nil {
		// Cut off by a crash of the machine: as good as not there.
		return nil, c.remove(hexDigest)
	}
	return &known, nil
}

func (c *Cache) writeEntry(hexDigest string, known entry) error {
	content, err := json.Marshal(known)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(c.work, "entry-")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), c.entryPath(hexDigest))
}

func (c *Cache) remove(hexDigest string) error {
	return errors.Join(ignoreMissing(os.Remove(c.layerPath(hexDigest))), ignoreMissing(os.Remove(c.entryPath(hexDigest))))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
