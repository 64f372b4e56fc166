"""Whatever an application hands over or returns, recording it asks no database and no storage."""

import collections
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pydantic
import pytest
import sqlalchemy
from django.conf import settings
from django.core.files.storage import Storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.utils.functional import SimpleLazyObject
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from sqlalchemy import orm
from starlette.datastructures import Headers, UploadFile
from werkzeug.datastructures import FileStorage

import agentsight_otel as agentsight
from agentsight_otel._core.shapes import member_of
from agentsight_otel._recording.files import describe
from agentsight_otel.testing import Capture

if not settings.configured:
    settings.configure(DEFAULT_CHARSET="utf-8")
    django.setup()


class Remote(Storage):
    """A bucket, say."""

    def size(self, name: str) -> int:
        raise AssertionError("the storage was asked")

    exists = size  # type: ignore[assignment]


class Answer(models.Model):
    """There is no database: whatever loads, fails."""

    model = models.TextField()
    usage = models.TextField()
    filename = models.TextField()
    document = models.FileField(storage=Remote())

    class Meta:
        app_label = "shop"


def not_loaded() -> Answer:
    return Answer.from_db("default", ["id", "document"], [1, "a.pdf"])


class Base(orm.DeclarativeBase):
    pass


class Row(Base):
    """Its columns are called as what is read of a response, and of a file."""

    __tablename__ = "row"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    model: orm.Mapped[str]
    usage: orm.Mapped[str]
    filename: orm.Mapped[str]


@pytest.fixture
def expired() -> Iterator[tuple[Row, list[str]]]:
    """A row that loads when it is looked at, and the statements that ran."""
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    statements: list[str] = []
    with orm.Session(engine) as session:
        row = Row(id=1, model="m", usage="u", filename="a.pdf")
        session.add(row)
        session.commit()  # which expires it
        sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        yield row, statements


def through_everything(value: Any) -> None:
    for decorate in (agentsight.generation("m"), agentsight.tool, agentsight.task, agentsight.turn(infer=True)):
        with agentsight.conversation("c"):
            decorate(lambda given: given)(value)
    with agentsight.conversation("c", metadata={"value": value}):
        agentsight.record_attachments([value])
        agentsight.button("b", value=value)


def test_an_expired_row_stays_expired(spans: Capture, expired: tuple[Row, list[str]]) -> None:
    row, statements = expired
    through_everything(row)
    assert len(spans.finished) == 6
    assert statements == []
    assert row.model == "m" and len(statements) == 1  # it would have been seen


def test_djangos_query_sets_deferred_fields_and_lazy_objects_load_nothing(spans: Capture) -> None:
    rows, answer = Answer.objects.filter(model="m"), not_loaded()
    through_everything(rows)
    through_everything(answer)
    through_everything(SimpleLazyObject(lambda: pytest.fail("it was loaded")))
    assert rows._result_cache is None
    assert answer.get_deferred_fields() == {"model", "usage", "filename"}


def test_the_size_of_a_models_file_is_not_asked_of_its_storage(spans: Capture) -> None:
    with agentsight.conversation("c"):
        agentsight.record_attachments([not_loaded().document])
    files = (spans.named("attachment").attributes or {})["agentsight.attachment.files"]
    assert json.loads(str(files)) == [{"name": "a.pdf"}]


def test_uploads_and_open_files_are_described(tmp_path: Path) -> None:
    named = collections.namedtuple("named", "type body name")  # as Sanic has its own
    path = tmp_path / "a.txt"
    path.write_text("x")
    headers = Headers({"content-type": "text/plain"})
    whole = {"name": "a.txt", "type": "text/plain", "size": 1}
    assert describe(SimpleUploadedFile("a.txt", b"x", "text/plain")) == whole
    assert describe(UploadFile(io.BytesIO(b"x"), size=1, filename="a.txt", headers=headers)) == whole
    for without_size in (
        FileStorage(io.BytesIO(b"x"), "a.txt", content_type="text/plain"),
        named("text/plain", b"x", "a.txt"),
    ):
        assert describe(without_size) == {"name": "a.txt", "type": "text/plain"}
    with path.open() as text, path.open("rb") as binary, tempfile.NamedTemporaryFile(suffix=".txt") as temporary:
        assert describe(text) == describe(binary) == {"name": "a.txt"}
        assert describe(temporary) == {"name": Path(temporary.name).name}


def test_members_are_read_where_the_value_itself_holds_them() -> None:
    class Slotted:
        __slots__ = ("id", "model")

        def __init__(self) -> None:
            self.id = "i"

    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        id: str
        model: str = "default"

    class Plain:
        model = "of the class"

        @property
        def id(self) -> str:
            raise AssertionError("a property ran")

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} would be loaded")

    class Acting(dict):  # type: ignore[type-arg]
        def get(self, key: object, default: object = None) -> Any:
            raise AssertionError

    assert [member_of(Slotted(), name) for name in ("id", "model", "usage")] == ["i", None, None]
    assert [member_of(Model(id="i", usage=3), name) for name in ("id", "model", "usage")] == ["i", "default", 3]
    assert [member_of(Plain(), name) for name in ("id", "model", "usage")] == [None, "of the class", None]
    assert member_of(Acting(id="i"), "usage", "id") == "i"
    assert member_of(collections.UserDict(id="i"), "id") == "i"
    assert member_of(FileDescriptorProto(name="n"), "id", "name") == "n"  # as Google's responses
