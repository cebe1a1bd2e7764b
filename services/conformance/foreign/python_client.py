"""A device written by somebody who has nothing but the protos: registers, attaches, sends, acknowledges, resumes.

Prints one JSON object with what it saw. Usage: python_client.py HOST:PORT
"""

import json
import queue
import sys
import uuid

import grpc
from google.protobuf import any_pb2, empty_pb2, unknown_fields
from google.rpc import error_details_pb2
from parley.account.v1 import account_pb2, account_service_pb2, account_service_pb2_grpc
from parley.message.v1 import content_pb2, entry_pb2, message_service_pb2, message_service_pb2_grpc
from parley.session.v1 import session_pb2, session_service_pb2, session_service_pb2_grpc

PASSWORD = account_pb2.Password(text="a password from Python")
DEADLINE_S = 20


class Person:
    """An account, logged in on one device."""

    def __init__(self, channel, handle):
        accounts = account_service_pb2_grpc.AccountServiceStub(channel)
        request = account_service_pb2.RegisterRequest(
            request_id=str(uuid.uuid4()), handle=handle, password=PASSWORD
        )
        accounts.Register(request, timeout=DEADLINE_S)
        login = account_service_pb2.LoginRequest(handle=handle, password=PASSWORD, device_name="Python")
        answer = accounts.Login(login, timeout=DEADLINE_S)
        self.account_id = answer.account.account_id
        self.metadata = [("authorization", "Bearer " + answer.tokens.access_token)]
        self.messages = message_service_pb2_grpc.MessageServiceStub(channel)
        self.sessions = session_service_pb2_grpc.SessionServiceStub(channel)

    def send(self, conversation_id, text):
        request = new_message(conversation_id, text)
        return self.messages.SendMessage(request, metadata=self.metadata, timeout=DEADLINE_S).position.seq


class Stream:
    """One attached stream."""

    def __init__(self, person, **open_fields):
        self.frames_up = queue.Queue()
        self.say(open=session_pb2.Open(**open_fields))
        self.frames_down = person.sessions.Attach(iter(self.frames_up.get, None), metadata=person.metadata)

    def say(self, **kind):
        frame = session_pb2.ClientFrame(**kind)
        self.frames_up.put(session_service_pb2.AttachRequest(frame=frame))

    def frames_until(self, done):
        """The frames up to and including the one after which `done(frames)` holds."""
        frames = []
        while not done(frames):
            frames.append(next(self.frames_down).frame)
        return frames

    def drop(self):
        self.frames_down.cancel()
        self.frames_up.put(None)


def new_message(conversation_id, text):
    content = content_pb2.Content(text=content_pb2.Text(text=text))
    return message_service_pb2.SendMessageRequest(
        conversation_id=conversation_id, client_message_id=str(uuid.uuid4()), content=content
    )


def entries_of(frames):
    return [event.entry for frame in frames for event in frame.events]


def is_caught_up(frames):
    return bool(frames) and frames[-1].caught_up


def last_delivery_id(frames):
    numbered = [frame for frame in frames if frame.events]
    return numbered[-1].first_delivery_id + len(numbered[-1].events) - 1


def reason_of(call):
    """The name of the reason with which a call is refused."""
    try:
        call()
        return "OK"
    except grpc.RpcError as error:
        status = dict(error.trailing_metadata())["grpc-status-details-bin"]
        # google.rpc.Status is no part of our contract; its field 3 holds the details.
        fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(status))
        details = [any_pb2.Any.FromString(field.data) for field in fields if field.field_number == 3]
        info = error_details_pb2.ErrorInfo()
        details[0].Unpack(info)
        return error.code().name + " " + info.reason


def main(host):
    channel = grpc.insecure_channel(host)
    pia, quinn = Person(channel, "pia"), Person(channel, "quinn")
    conversation_id = "d-" + "-".join(sorted([pia.account_id, quinn.account_id]))

    stream = Stream(pia)
    first = stream.frames_until(is_caught_up)
    stream.say(send=new_message(conversation_id, "one"))
    own = stream.frames_until(lambda frames: any(f.results for f in frames) and entries_of(frames))
    committed = [result for frame in own for result in frame.results][0].committed
    stream.say(ack=last_delivery_id(own))
    held = entries_of(own)[-1]

    quinn.send(conversation_id, "two")
    unacknowledged = entries_of(stream.frames_until(entries_of))
    stream.drop()
    quinn.send(conversation_id, "three")
    quinn.send(conversation_id, "four")

    position = entry_pb2.Position(conversation_id=conversation_id, epoch=held.epoch, seq=held.seq)
    positions = session_pb2.Positions(positions=[position], last=True)
    resumed = Stream(pia, resume_ticket=first[0].opened.resume_ticket, positions=positions)
    missed = resumed.frames_until(is_caught_up)
    resumed.say(ack=last_delivery_id(missed))
    resumed.say(ping=7)
    resumed.frames_until(lambda frames: bool(frames) and frames[-1].pong == 7)
    resumed.drop()

    empty = message_service_pb2.ListEntriesRequest()
    list_entries = pia.messages.ListEntries
    print(
        json.dumps(
            {
                "own": [[entry.seq, entry.message.text.text] for entry in entries_of(own)],
                "committed": committed.position.seq,
                "unacknowledged": [[entry.seq, entry.message.text.text] for entry in unacknowledged],
                "missed": [[entry.seq, entry.message.text.text] for entry in entries_of(missed)],
                "generations": [first[0].opened.generation, missed[0].opened.generation],
                "badRequest": reason_of(lambda: list_entries(empty, metadata=pia.metadata, timeout=DEADLINE_S)),
                "noToken": reason_of(lambda: list_entries(empty, timeout=DEADLINE_S)),
            }
        )
    )
    channel.close()


main(sys.argv[1])
