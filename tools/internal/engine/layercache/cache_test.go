package layercache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func open(t *testing.T, root string, budgetBytes int64) *Cache {
	t.Helper()
	cache, err := Open(root, budgetBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	return cache
}

func hexOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func unpacking(content string, count *atomic.Int64) Unpacker {
	return func(_ context.Context, to *os.File) (int64, error) {
		if count != nil {
			count.Add(1)
		}
		_, err := to.WriteString(content)
		return 1, err
	}
}

// take reads a layer through a new view and closes it.
func take(t *testing.T, cache *Cache, content string, count *atomic.Int64) *Layer {
	t.Helper()
	view, err := cache.NewView()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := view.Layer(t.Context(), hexOf(content), "0", unpacking(content, count))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(layer.Path)
	if err != nil || string(got) != content {
		t.Fatalf("the layer holds %q, %v", got, err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	return layer
}

func TestALayerOutlivesItsProcess(t *testing.T) {
	root := t.TempDir()
	var count atomic.Int64
	first, err := Open(root, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	take(t, first, "content", &count)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if layer := take(t, open(t, root, 1<<20), "content", &count); !layer.IsCached || layer.Files != 1 || layer.SizeBytes != 7 {
		t.Errorf("layer %+v", layer)
	}
	if count.Load() != 1 {
		t.Errorf("unpacked %d times", count.Load())
	}
}

func TestTheOldestLayersGoFirst(t *testing.T) {
	root := t.TempDir()
	cache := open(t, root, 25)
	take(t, cache, strings.Repeat("a", 10), nil)
	take(t, cache, strings.Repeat("b", 10), nil)
	old := time.Now().Add(-time.Hour)
	for _, content := range []string{strings.Repeat("a", 10), strings.Repeat("b", 10)} {
		if err := os.Chtimes(cache.layerPath(hexOf(content)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	take(t, cache, strings.Repeat("a", 10), nil)
	take(t, cache, strings.Repeat("c", 10), nil)
	for content, isKept := range map[string]bool{"a": true, "b": false, "c": true} {
		_, err := os.Stat(cache.layerPath(hexOf(strings.Repeat(content, 10))))
		if (err == nil) != isKept {
			t.Errorf("layer %s: kept is %v", content, err == nil)
		}
	}
}

func TestALayerInUseOutlivesItsEviction(t *testing.T) {
	cache := open(t, t.TempDir(), 10)
	view, err := cache.NewView()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := view.Layer(t.Context(), hexOf("in use..."), "0", unpacking("in use...", nil))
	if err != nil {
		t.Fatal(err)
	}
	take(t, cache, "another..", nil)
	if _, err := os.Stat(cache.layerPath(hexOf("in use..."))); err == nil {
		t.Fatal("the layer was not evicted")
	}
	if content, err := os.ReadFile(layer.Path); err != nil || string(content) != "in use..." {
		t.Errorf("read %q, %v", content, err)
	}
}

func TestALayerOverTheBudgetIsUsedButNotKept(t *testing.T) {
	cache := open(t, t.TempDir(), 3)
	take(t, cache, "too large", nil)
	if layer := take(t, cache, "too large", nil); layer.IsCached {
		t.Error("it was kept")
	}
}

func TestAFailedUnpackLeavesNothing(t *testing.T) {
	root := t.TempDir()
	cache := open(t, root, 1<<20)
	view, err := cache.NewView()
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	_, err = view.Layer(t.Context(), hexOf("x"), "0", func(_ context.Context, to *os.File) (int64, error) {
		to.WriteString("half")
		return 0, failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	left, err := os.ReadDir(view.Directory)
	if err != nil || len(left) > 0 {
		t.Errorf("the view holds %v, %v", left, err)
	}
	if locks, err := os.ReadDir(filepath.Join(root, "locks")); err != nil || len(locks) > 0 {
		t.Errorf("locks are left: %v, %v", locks, err)
	}
	take(t, cache, "x", nil)
}

func TestALayerFromBeforeARestartOfTheMachineIsVerified(t *testing.T) {
	root := t.TempDir()
	cache := open(t, root, 1<<20)
	take(t, cache, "content", nil)
	cache.bootID = "another boot"
	if layer := take(t, cache, "content", nil); !layer.IsCached {
		t.Error("a whole layer was not used")
	}
	cache.bootID = "a third boot"
	if err := os.WriteFile(cache.layerPath(hexOf("content")), []byte("zeroes."), 0o600); err != nil {
		t.Fatal(err)
	}
	if layer := take(t, cache, "content", nil); layer.IsCached {
		t.Error("a damaged layer was used")
	}
}

func TestProcessesUnpackALayerOnce(t *testing.T) {
	root := t.TempDir()
	var count atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		cache := open(t, root, 1<<20)
		group.Go(func() { take(t, cache, "shared", &count) })
	}
	group.Wait()
	if count.Load() != 1 {
		t.Errorf("unpacked %d times", count.Load())
	}
}

func TestWaitingForALayerEndsWithItsRequest(t *testing.T) {
	root := t.TempDir()
	holder, waiter := open(t, root, 1<<20), open(t, root, 1<<20)
	unlock, err := holder.lockLayer(t.Context(), hexOf("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	view, err := waiter.NewView()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := view.Layer(ctx, hexOf("x"), "0", unpacking("x", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestTheFilesOfDeadProcessesAreRemoved(t *testing.T) {
	root := t.TempDir()
	living := open(t, root, 1<<20)
	dead := filepath.Join(root, "work", "dead")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "0.partial"} {
		if err := os.WriteFile(filepath.Join(dead, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, root, 1<<20)
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Error("a dead process's directory is left")
	}
	if _, err := os.Stat(living.work); err != nil {
		t.Error("a living process's directory is gone")
	}
}
