package main

import (
	"encoding/binary"

	messagev1 "parley.example/client/gen/parley/message/v1"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
)

// What one stream takes.
const positionsMax = 10_000

var (
	deviceBucket    = []byte("device")
	positionsBucket = []byte("positions")
	entriesBucket   = []byte("entries")
	sendsBucket     = []byte("sends")
)

// A store is what the device keeps, so that it loses and repeats nothing when its process or its node ends: one file of
// bbolt, whose transactions are durable. Entries and positions change in one of them.
type store struct{ db *bbolt.DB }

// openStore opens or makes the file, which holds a token: nobody else may read it.
func openStore(path string) (*store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: callTimeout})
	if err != nil {
		return nil, err
	}
	return &store{db}, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{deviceBucket, positionsBucket, entriesBucket, sendsBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// get answers a value of the device, and nothing when it was never set.
func (s *store) get(key string) (value []byte) {
	// A read cannot fail while the file is open.
	_ = s.db.View(func(tx *bbolt.Tx) error {
		value = append(value, tx.Bucket(deviceBucket).Get([]byte(key))...)
		return nil
	})
	return value
}

func (s *store) set(values map[string][]byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		for key, value := range values {
			if err := tx.Bucket(deviceBucket).Put([]byte(key), value); err != nil {
				return err
			}
		}
		return nil
	})
}

// nextOrdinal counts the streams, so that one which was given up, and is opened late, takes over from no later one.
func (s *store) nextOrdinal() (ordinal uint64, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		ordinal, err = tx.Bucket(deviceBucket).NextSequence()
		return err
	})
	return ordinal, err
}

// position answers up to where all of a conversation is held; its seq is 0 when nothing is.
func (s *store) position(conversationID string) (*messagev1.Position, error) {
	position := &messagev1.Position{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		return proto.Unmarshal(tx.Bucket(positionsBucket).Get([]byte(conversationID)), position)
	})
	position.ConversationId = conversationID
	return position, err
}

// positions answers at most as many as a stream takes. A conversation that is not named is pushed from its start, and
// dropped as held.
func (s *store) positions() (positions []*messagev1.Position, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(positionsBucket).Cursor()
		for key, value := cursor.First(); key != nil && len(positions) < positionsMax; key, value = cursor.Next() {
			position := &messagev1.Position{}
			if err := proto.Unmarshal(value, position); err != nil {
				return err
			}
			positions = append(positions, position)
		}
		return nil
	})
	return positions, err
}

// keep stores entries of one conversation, in their order, and moves its position to the last one, in one transaction. It
// passes over what is held, and answers what is new.
func (s *store) keep(entries ...*messagev1.Entry) (stored []*messagev1.Entry, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		for _, entry := range entries {
			held := &messagev1.Position{}
			if err := proto.Unmarshal(tx.Bucket(positionsBucket).Get([]byte(entry.ConversationId)), held); err != nil {
				return err
			}
			if entry.Seq <= held.Seq {
				continue
			}
			if err := put(tx.Bucket(entriesBucket), entryKey(entry.ConversationId, entry.Seq), entry); err != nil {
				return err
			}
			position := &messagev1.Position{ConversationId: entry.ConversationId, Epoch: entry.Epoch, Seq: entry.Seq}
			if err := put(tx.Bucket(positionsBucket), []byte(entry.ConversationId), position); err != nil {
				return err
			}
			stored = append(stored, entry)
		}
		return nil
	})
	return stored, err
}

// rewind drops what is held above a position, since it was undone, and takes that one over, epoch included.
func (s *store) rewind(to *messagev1.Position) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		end := string(entryKey(to.ConversationId, ^uint64(0)))
		cursor := tx.Bucket(entriesBucket).Cursor()
		for {
			// Sought anew each time: a cursor is of no use after a deletion.
			key, _ := cursor.Seek(entryKey(to.ConversationId, to.Seq+1))
			if key == nil || string(key) > end {
				break
			}
			if err := tx.Bucket(entriesBucket).Delete(key); err != nil {
				return err
			}
		}
		return put(tx.Bucket(positionsBucket), []byte(to.ConversationId), to)
	})
}

func (s *store) addSend(request *messagev1.SendMessageRequest) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		number, err := tx.Bucket(sendsBucket).NextSequence()
		if err != nil {
			return err
		}
		return put(tx.Bucket(sendsBucket), binary.BigEndian.AppendUint64(nil, number), request)
	})
}

// sendsPending answers how many messages have no final outcome.
func (s *store) sendsPending() (count int) {
	// A read cannot fail while the file is open.
	_ = s.db.View(func(tx *bbolt.Tx) error {
		count = tx.Bucket(sendsBucket).Stats().KeyN
		return nil
	})
	return count
}

// takeSend answers the oldest message without a final outcome, nil when there is none, and the key by which it is dropped.
// From now on every other try of it is a repetition, even if this process ends before it knows.
func (s *store) takeSend() (key []byte, request *messagev1.SendMessageRequest, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		first, value := tx.Bucket(sendsBucket).Cursor().First()
		if first == nil {
			return nil
		}
		key, request = append(key, first...), &messagev1.SendMessageRequest{}
		if err := proto.Unmarshal(value, request); err != nil {
			return err
		}
		tried := proto.CloneOf(request)
		tried.Retry = true
		return put(tx.Bucket(sendsBucket), key, tried)
	})
	return key, request, err
}

func (s *store) dropSend(key []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(sendsBucket).Delete(key) })
}

// entryKey sorts by conversation and seq. No id of a conversation holds a zero byte.
func entryKey(conversationID string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(conversationID), 0), seq)
}

func put(bucket *bbolt.Bucket, key []byte, message proto.Message) error {
	value, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return bucket.Put(key, value)
}
