package ociimage

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pharos-security/pharos/tools/internal/engine/failure"
)

const (
	// maxNameBytes is twice Linux' PATH_MAX: no file system takes a longer path.
	maxNameBytes = 8192
	// maxZstdWindowBytes is what the zstd format asks every decoder to support, and what builders stay below.
	maxZstdWindowBytes = 128 << 20
	cancelCheckBytes   = 1 << 20
)

// layerBlob unpacks one layer of a layout.
type layerBlob struct {
	layout layout
	// descriptor names the compressed blob, diffID its uncompressed content.
	descriptor v1.Descriptor
	diffID     v1.Hash
	// maxBytes and maxFiles are what the image may still use.
	maxBytes int64
	maxFiles int64
}

// unpack decompresses the layer to a file and verifies on the way: both digests, that it is a whole tar, its size and its number of entries.
func (b layerBlob) unpack(ctx context.Context, to *os.File) (files int64, err error) {
	source, err := b.layout.open(b.descriptor.Digest, b.descriptor.Size)
	if err != nil {
		return 0, err
	}
	defer source.Close()

	compressed := newVerifier(&contextReader{ctx: ctx, reader: source})
	plain, closePlain, err := decompress(compressed)
	if err != nil {
		return 0, b.classify(err, compressed)
	}
	defer closePlain()

	output := bufio.NewWriterSize(to, 1<<20)
	limited := &limitReader{reader: plain, remaining: b.maxBytes}
	content := newVerifier(limited)
	reader := io.TeeReader(content, output)

	files, err = b.walk(reader)
	if err == nil {
		// After the tar's end mark there may be padding, which is part of the content's digest.
		_, err = io.Copy(io.Discard, reader)
	}
	if err == nil {
		err = output.Flush()
	}
	if err == nil {
		// gzip and zstd readers stop at the end of their stream: what follows belongs to the blob's digest all the same.
		_, err = io.Copy(io.Discard, compressed)
	}
	if err != nil {
		return 0, b.classify(err, compressed)
	}
	if err := b.checkBlob(compressed); err != nil {
		return 0, err
	}
	if got := content.hex(); got != b.diffID.Hex {
		return 0, b.corrupt("its content has the digest sha256:%s, the configuration says %s", got, b.diffID)
	}
	return files, nil
}

// walk reads the tar's headers. Paths are not judged here: the layer is never unpacked to a file system, only read through an index.
func (b layerBlob) walk(reader io.Reader) (files int64, err error) {
	entries := tar.NewReader(reader)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return 0, err
		}
		files++
		if files > b.maxFiles {
			return 0, failure.New(failure.ImageTooLarge, "layer %s: the image has more entries than allowed", b.descriptor.Digest)
		}
		if len(header.Name) > maxNameBytes || len(header.Linkname) > maxNameBytes {
			return 0, b.corrupt("an entry's name has more than %d bytes", maxNameBytes)
		}
		if header.Size > b.maxBytes {
			return 0, failure.New(failure.ImageTooLarge, "layer %s: entry %q has %d bytes", b.descriptor.Digest, header.Name, header.Size)
		}
	}
}

func (b layerBlob) corrupt(format string, args ...any) error {
	return failure.New(failure.ImageCorrupt, "layer "+b.descriptor.Digest.String()+": "+format, args...)
}

// checkBlob compares the digest of the whole blob.
func (b layerBlob) checkBlob(compressed *verifier) error {
	if got := compressed.hex(); got != b.descriptor.Digest.Hex {
		return b.corrupt("the blob has the digest sha256:%s", got)
	}
	return nil
}

// classify names a failure. Content that cannot be read is told as the blob's wrong digest where that is the cause: then another download helps.
func (b layerBlob) classify(err error, compressed *verifier) error {
	var pathError *os.PathError
	switch {
	case errors.Is(err, errTooLarge):
		return failure.New(failure.ImageTooLarge, "layer %s unpacks to more than the %d bytes that it may have", b.descriptor.Digest, b.maxBytes)
	case errors.As(err, &pathError):
		return failure.Wrap(failure.Local, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), failure.CodeOf(err, "") != "":
		return failure.Wrap(failure.ImageCorrupt, err)
	}
	if _, readErr := io.Copy(io.Discard, compressed); readErr != nil {
		return failure.Wrap(failure.Local, readErr)
	}
	if digestErr := b.checkBlob(compressed); digestErr != nil {
		return digestErr
	}
	return b.corrupt("%w", err)
}

// decompress tells the compression from the content: media types are wrong often enough.
func decompress(source io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(source, 1<<20)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		reader, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, err
		}
		return reader, func() { reader.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		reader, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindowBytes))
		if err != nil {
			return nil, nil, err
		}
		return reader, reader.Close, nil
	default:
		return buffered, func() {}, nil
	}
}

// verifier hashes what is read through it.
type verifier struct {
	reader io.Reader
	hash   hash.Hash
}

func newVerifier(reader io.Reader) *verifier {
	return &verifier{reader: reader, hash: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.reader.Read(p)
	v.hash.Write(p[:n])
	return n, err
}

func (v *verifier) hex() string { return hex.EncodeToString(v.hash.Sum(nil)) }

var errTooLarge = errors.New("too large")

// limitReader fails, rather than ends, past its limit.
type limitReader struct {
	reader    io.Reader
	remaining int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.remaining+1 {
		p = p[:l.remaining+1]
	}
	n, err := l.reader.Read(p)
	l.remaining -= int64(n)
	if l.remaining < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// contextReader ends a long read when its context ends.
type contextReader struct {
	ctx       context.Context
	reader    io.Reader
	unchecked int
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.unchecked <= 0 {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		c.unchecked = cancelCheckBytes
	}
	n, err := c.reader.Read(p)
	c.unchecked -= n
	return n, err
}
