// Checks a checkpoint, an inclusion proof and a consistency proof, or the tiles of a mirror, with the packages that check Go's
// own checksum database (Debian: golang-golang-x-mod-dev). The leaf of an event is its hash.
//
//	verify_log ASKED.json
//	verify_log VKEY MIRROR
package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type asked struct {
	Vkey, Old, New, Event  string
	Index                  int64
	Inclusion, Consistency []string
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func hash(text string) (found tlog.Hash) {
	copy(found[:], must(hex.DecodeString(text)))
	return
}

func hashes(texts []string) (found []tlog.Hash) {
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return
}

func open(text string, known note.Verifiers) (int64, tlog.Hash) {
	lines := strings.Split(must(note.Open([]byte(text), known)).Text, "\n")
	var root tlog.Hash
	copy(root[:], must(base64.StdEncoding.DecodeString(lines[2])))
	return must(strconv.ParseInt(lines[1], 10, 64)), root
}

// The files of a mirror (C2SP tlog-tiles).
type mirror string

func (m mirror) Height() int { return 8 }

func (m mirror) SaveTiles([]tlog.Tile, [][]byte) {}

func (m mirror) ReadTiles(tiles []tlog.Tile) (found [][]byte, err error) {
	for _, tile := range tiles {
		path := fmt.Sprintf("%03d", tile.N%1000)
		for n := tile.N / 1000; n > 0; n /= 1000 {
			path = fmt.Sprintf("x%03d/%s", n%1000, path)
		}
		if tile.W < 256 {
			path = fmt.Sprintf("%s.p/%d", path, tile.W)
		}
		data, err := os.ReadFile(fmt.Sprintf("%s/tile/%d/%s", m, tile.L, path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// Every leaf of a mirror must lead to the root of its checkpoint.
func checkMirror(vkey, folder string) {
	known := note.VerifierList(must(note.NewVerifier(vkey)))
	size, root := open(string(must(os.ReadFile(folder+"/checkpoint"))), known)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, mirror(folder))
	for index := int64(0); index < size; index++ {
		leaf := must(reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)}))[0]
		proof := must(tlog.ProveRecord(size, index, reader))
		if err := tlog.CheckRecord(proof, size, root, index, leaf); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("ok: %d leaves\n", size)
}

func main() {
	if len(os.Args) == 3 {
		checkMirror(os.Args[1], os.Args[2])
		return
	}
	var a asked
	if err := json.Unmarshal(must(os.ReadFile(os.Args[1])), &a); err != nil {
		log.Fatal(err)
	}
	known := note.VerifierList(must(note.NewVerifier(a.Vkey)))
	old, oldRoot := open(a.Old, known)
	size, root := open(a.New, known)
	leaf := hash(a.Event)
	if err := tlog.CheckRecord(hashes(a.Inclusion), size, root, a.Index, tlog.RecordHash(leaf[:])); err != nil {
		log.Fatal(err)
	}
	if err := tlog.CheckTree(hashes(a.Consistency), size, root, old, oldRoot); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ok: %d to %d\n", old, size)
}
