package main

import (
	"context"
	"fmt"
	"slices"

	messagev1 "parley.example/client/gen/parley/message/v1"
	sessionv1 "parley.example/client/gen/parley/session/v1"
)

// takeEvents stores, and acknowledges then. An event of an unknown kind is acknowledged like any other.
func (s *stream) takeEvents(ctx context.Context, frame *sessionv1.ServerFrame) error {
	if len(frame.Events) == 0 {
		return nil
	}
	for _, event := range frame.Events {
		var err error
		switch kind := event.Kind.(type) {
		case *sessionv1.Event_Entry:
			err = s.takeEntry(ctx, kind.Entry)
		case *sessionv1.Event_Behind:
			err = s.catchUp(ctx, kind.Behind)
		case *sessionv1.Event_Rewound:
			if err = s.device.store.rewind(kind.Rewound); err == nil {
				emit("rewound", fields{"conversation_id": kind.Rewound.ConversationId, "seq": kind.Rewound.Seq})
			}
		}
		if err != nil {
			return err
		}
	}
	last := frame.FirstDeliveryId + uint64(len(frame.Events)) - 1
	return s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Ack{Ack: last}})
}

// takeEntry stores the next one and drops a lower one; before a higher one it lists the gap.
func (s *stream) takeEntry(ctx context.Context, entry *messagev1.Entry) error {
	held, err := s.device.store.position(entry.ConversationId)
	if err != nil {
		return err
	}
	if entry.Seq <= held.Seq+1 || s.addsUs(entry) {
		return s.keep(entry)
	}
	if held, err = s.listUpTo(ctx, held, entry.Seq); err == nil && held.Seq < entry.Seq {
		err = fmt.Errorf("%w: entry %d was pushed and cannot be listed", errLost, entry.Seq)
	}
	return err
}

// addsUs: what precedes the entry by which we came into a group is no gap.
func (s *stream) addsUs(entry *messagev1.Entry) bool {
	us := string(s.device.store.get("account_id"))
	return slices.Contains(entry.GetMembersAdded().GetAccountIds(), us) ||
		slices.Contains(entry.GetGroupCreated().GetMemberIds(), us)
}

// catchUp lists what is too much to be pushed, and has the conversation pushed from there on.
func (s *stream) catchUp(ctx context.Context, head *messagev1.Position) error {
	held, err := s.device.store.position(head.ConversationId)
	if err == nil {
		held, err = s.listUpTo(ctx, held, head.Seq)
	}
	if err != nil {
		return err
	}
	if held.Seq == 0 {
		held = head
	}
	return s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Follow{Follow: held}})
}

// listUpTo lists what follows a position, stores it page by page, and answers the position reached.
func (s *stream) listUpTo(ctx context.Context, from *messagev1.Position, seq uint64) (*messagev1.Position, error) {
	after, hasMore := from.Seq, true
	for after < seq && hasMore {
		page, err := s.listPage(ctx, from.ConversationId, after)
		if err != nil {
			return nil, err
		}
		if err := s.keep(page.Entries...); err != nil {
			return nil, err
		}
		after, hasMore = page.NextSeq, page.HasMore
		// A sign of life: while we list, nobody answers pings.
		if err := s.say(&sessionv1.ClientFrame{Kind: &sessionv1.ClientFrame_Ping{Ping: after}}); err != nil {
			return nil, err
		}
	}
	return s.device.store.position(from.ConversationId)
}

func (s *stream) listPage(ctx context.Context, conversationID string, after uint64) (*messagev1.ListEntriesResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	bearer, err := s.device.login.bearer(ctx, s.to)
	if err != nil {
		return nil, err
	}
	request := &messagev1.ListEntriesRequest{ConversationId: conversationID, Seq: after, PageSize: pageSize}
	return s.to.messages.ListEntries(bearer, request)
}

// keep stores entries and says which of them are new.
func (s *stream) keep(entries ...*messagev1.Entry) error {
	stored, err := s.device.store.keep(entries...)
	if err != nil {
		return err
	}
	for _, entry := range stored {
		var text any // Null where we know no words for it.
		if words := entry.GetMessage().GetText(); words != nil {
			text = words.Text
		}
		emit("entry", fields{
			"conversation_id": entry.ConversationId,
			"epoch":           entry.Epoch,
			"seq":             entry.Seq,
			"sender_id":       entry.SenderId,
			"text":            text,
		})
	}
	return nil
}
