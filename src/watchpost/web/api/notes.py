"""What people say about events: bookmarks, notes, "not a person"; and "here you missed one"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from watchpost.event_json import event_to_json
from watchpost.notes import FEEDBACK, KINDS, MAX_BOXES, MAX_TEXT, Note, NoteKind
from watchpost.notes.book import NoteBook
from watchpost.picture import encode_jpeg
from watchpost.runtime.moments import picture_at
from watchpost.types import Event, new_event_id
from watchpost.web.access import Operator, User, Viewer, check_sees, may_see
from watchpost.web.services import Services

_JPEG_QUALITY = 95
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class Said(BaseModel):
    """What somebody says about an event."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["bookmark", "note", "false_alarm"]
    """`bookmark` and `false_alarm` once an event; `note` with a text, as often as one likes."""
    text: Text = ""


class Missed(BaseModel):
    """A moment at which somebody was in the picture and no event tells of them."""

    model_config = ConfigDict(extra="forbid")

    camera: Name
    time: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
    """Seconds since 1970-01-01 UTC."""
    class_name: Name = "person"
    boxes: Annotated[list[tuple[Share, Share, Share, Share]], Field(max_length=MAX_BOXES)] = []
    """Left, top, right, bottom in fractions of the picture. Without one, nothing can be learned from it."""
    text: Text = ""

    @field_validator("boxes")
    @classmethod
    def _in_order(cls, boxes: list[tuple[float, float, float, float]]) -> list[tuple[float, float, float, float]]:
        for left, top, right, bottom in boxes:
            if left >= right or top >= bottom:
                raise ValueError("a box is left, top, right, bottom, each smaller than its opposite")
        return boxes


def router(services: Services, notes: Callable[[], NoteBook | None]) -> APIRouter:
    """The routes; `notes` is that of `Services`."""
    routes = APIRouter(prefix="/api/events", tags=["feedback"])

    def opened() -> NoteBook:
        book = notes()
        if book is None:
            raise HTTPException(503, "the notes can not be used; the server's log says why")
        return book

    def readable(user: User, note_id: str) -> Note:
        note = opened().get(note_id)
        if note is None or not may_see(user, note.camera):
            raise HTTPException(404, "no such note")
        return note

    @routes.get("/notes", summary="What was said, the newest first")
    def said(
        user: Viewer,
        kind: Annotated[list[NoteKind], Query(max_length=len(KINDS))] = list(KINDS),  # noqa: B006 - FastAPI copies it
        camera: Annotated[list[str] | None, Query(max_length=64)] = None,
        before: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[dict[str, Any]]:
        cameras = user.cameras if camera is None else {each for each in camera if may_see(user, each)}
        found = opened().find(kind, cameras=cameras, before_id=before, limit=limit)
        return [note_json(note) for note in found]

    @routes.get("/notes/{note_id}/picture.jpg", summary="The picture that was kept with feedback")
    def picture(user: Viewer, note_id: str) -> Response:
        jpeg = opened().picture(readable(user, note_id).id)
        if jpeg is None:
            raise HTTPException(404, "no picture was kept with this")
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})

    @routes.delete("/notes/{note_id}", status_code=204, summary="Take something back")
    def take_back(user: Operator, note_id: str) -> Response:
        opened().remove(readable(user, note_id).id)
        return Response(status_code=204)

    @routes.post("/missed", status_code=201, summary="Somebody was there, and no event tells of them")
    def missed(user: Operator, what: Missed) -> dict[str, Any]:
        check_sees(user, what.camera)
        archive = None if services.recordings is None else services.recordings()
        known = [] if archive is None else archive.index.cameras()
        if services.hub.sequence(what.camera) is None and what.camera not in known:
            raise HTTPException(404, "no such camera")
        found = None if archive is None else picture_at(archive, what.camera, what.time)
        note = _note(services, user, "missed", what.camera, found[1] if found else what.time, what.text)
        note = replace(note, class_name=what.class_name, boxes=tuple(what.boxes))
        jpeg = None if found is None else encode_jpeg(found[0], _JPEG_QUALITY)
        return note_json(opened().add(note, jpeg))

    @routes.post("/{event_id}/notes", status_code=201, summary="Say something about an event")
    def say(user: Operator, event_id: str, what: Said) -> dict[str, Any]:
        event = services.event(event_id)
        if event is None or not may_see(user, event.camera):
            raise HTTPException(404, "no such event")
        if what.kind == "note" and not what.text.strip():
            raise HTTPException(422, "a note has a text")
        note = _note(services, user, what.kind, event.camera, event.start.wall_time_s, what.text)
        note = replace(note, class_name=event.class_name, event_id=event.id, event=event_to_json(event))
        return note_json(opened().add(note, _snapshot(services, event) if what.kind in FEEDBACK else None))

    @routes.delete("/{event_id}/notes/{kind}", status_code=204, summary="Take back a bookmark or a false alarm")
    def take_back_once(user: Operator, event_id: str, kind: Literal["bookmark", "false_alarm"]) -> Response:
        book = opened()
        for note in book.of_event(event_id):
            if note.kind == kind and may_see(user, note.camera):
                book.remove(note.id)
        return Response(status_code=204)

    return routes


def note_json(note: Note) -> dict[str, Any]:
    """A note for a reader."""
    return {
        "id": note.id,
        "kind": note.kind,
        "event_id": note.event_id,
        "camera": note.camera,
        "time": note.wall_time_s,
        "author": note.author,
        "made": note.made_wall_time_s,
        "text": note.text,
        "class_name": note.class_name,
        "boxes": [list(box) for box in note.boxes],
        "has_picture": note.has_picture,
    }


def _note(services: Services, user: User, kind: NoteKind, camera: str, wall_time_s: float, text: str) -> Note:
    now_s = services.clock.wall_time_s()
    return Note(new_event_id(), kind, camera, wall_time_s, user.name, now_s, text=text.strip())


def _snapshot(services: Services, event: Event) -> bytes | None:
    if event.snapshot is not None:
        return event.snapshot
    store = services.store()
    return None if store is None else store.snapshot(event.id)
