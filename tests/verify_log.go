// Checks a checkpoint, an inclusion proof and a consistency proof with the packages that check Go's own checksum database
// (Debian: golang-golang-x-mod-dev). The leaf of an event is its hash.
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

func main() {
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
