package daemon

import (
	"context"
	"errors"

	"sottovoce/mesh"
	"sottovoce/mesh/contact"
	"sottovoce/mesh/wire"
	"sottovoce/relay"
)

// slots is the relay client as the node wants it for links that work while one of the two is away.
type slots struct{ client *relay.Client }

var _ mesh.Slots = slots{}

// Stand implements mesh.Slots.
func (s slots) Stand(ctx context.Context) (mesh.Stand, error) {
	found, err := s.client.Stand(ctx)
	if err != nil {
		return mesh.Stand{}, err
	}
	return mesh.Stand{Log: mesh.Log(found.Log), Name: s.named(found.Log), Door: contact.Door(found.Door), Card: found.Card}, nil
}

// named is what people know the supernode of a log by.
func (s slots) named(log relay.Log) string {
	for _, of := range s.client.Communities() {
		for _, k := range of.Supernodes {
			if of.ID == log.Community && k.ID == log.At {
				return supernodeName(of, k)
			}
		}
	}
	return ""
}

// OpenSlot implements mesh.Slots.
func (s slots) OpenSlot(ctx context.Context, at mesh.Log, slot wire.Slot) error {
	return slotError(s.client.OpenSlot(ctx, relay.Log(at), slot))
}

// ReadSlot implements mesh.Slots.
func (s slots) ReadSlot(ctx context.Context, at mesh.Log, id wire.SlotID, secret [16]byte, withdraw bool) ([][]byte, error) {
	answers, err := s.client.ReadSlot(ctx, relay.Log(at), id, secret, withdraw)
	return answers, slotError(err)
}

// FetchSlot implements mesh.Slots.
func (s slots) FetchSlot(ctx context.Context, door contact.Door, id wire.SlotID) ([]byte, error) {
	bundle, err := s.client.FetchSlot(ctx, relay.Door(door), id)
	return bundle, slotError(err)
}

// AnswerSlot implements mesh.Slots.
func (s slots) AnswerSlot(ctx context.Context, door contact.Door, id wire.SlotID, sealed []byte) (uint64, error) {
	place, err := s.client.AnswerSlot(ctx, relay.Door(door), id, sealed)
	return place, slotError(err)
}

// slotError is a supernode's no as the node wants it; other errors stay what they are.
func slotError(err error) error {
	if no, is := errors.AsType[*relay.RefusedError](err); is {
		return &mesh.SlotError{Reason: no.Reason, Word: relay.Word(no.Reason)}
	}
	return err
}
