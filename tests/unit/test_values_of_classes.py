"""Objects of any class: fields in memory are written, and no code of the class runs."""

import dataclasses
from typing import Any

import attrs
import msgspec
import pydantic
import sqlalchemy
from sqlalchemy import orm

from agentsight_otel._core.values import to_json, to_text

LIMIT = 10_000


class Acting:
    """Runs something whenever it is looked at."""

    def act(self, *arguments: object) -> Any:
        raise AssertionError("somebody looked")

    __str__ = __repr__ = __iter__ = __len__ = __bool__ = __getattr__ = __getattribute__ = __eq__ = act  # type: ignore[assignment]
    __hash__ = object.__hash__  # type: ignore[assignment]
    __class__ = property(act)  # type: ignore[assignment]


@dataclasses.dataclass
class Lazy:
    """As an ORM maps dataclasses: fields are descriptors that load."""

    loaded: str
    unloaded: str = "default"

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} would be loaded")


def lazy() -> Lazy:
    made = object.__new__(Lazy)
    object.__getattribute__(made, "__dict__")["loaded"] = "here"
    return made


class ActingDict(dict):  # type: ignore[type-arg]
    items = keys = values = __iter__ = __len__ = __getitem__ = Acting.act  # type: ignore[assignment]


class ActingText(str):
    __str__ = __len__ = strip = encode = lower = Acting.act  # type: ignore[assignment]


def test_looking_at_a_value_runs_nothing_of_it() -> None:
    for value, expected in [  # no parameters: pytest would look at them
        ([Acting()], '["<tests.unit.test_values_of_classes.Acting>"]'),
        ({Acting(): 1}, '{"<tests.unit.test_values_of_classes.Acting>":1}'),
        (lazy(), '{"loaded":"here","unloaded":"default"}'),
        (ActingDict(a=1), '{"a":1}'),
        ([ActingText("text")], '["text"]'),
        (ValueError(Acting()), '"ValueError: "'),
    ]:
        assert to_json(value, LIMIT) == expected
    assert to_text(Acting(), LIMIT) == '"<tests.unit.test_values_of_classes.Acting>"'


def test_fields_in_memory_of_the_usual_classes() -> None:
    @attrs.define
    class Slotted:
        name: str
        password: str = attrs.field(repr=lambda value: "***")
        later: int = attrs.field(init=False)

    class Query(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        name: str
        key: pydantic.SecretStr
        url: pydantic.HttpUrl
        hidden: str = pydantic.Field("x", exclude=True)

        @pydantic.computed_field  # type: ignore[prop-decorator]
        @property
        def loads(self) -> str:
            raise AssertionError

    class Point(msgspec.Struct):  # type: ignore[misc, name-defined]
        x: int

    query = Query(name="n", key="k", url="https://example.com/", more=1)
    assert to_json([Slotted("n", "p"), query, Point(3)], LIMIT) == (
        '[{"name":"n"},{"name":"n","key":"**********","url":"https://example.com/","more":1},{"x":3}]'
    )


def test_what_an_orm_has_not_loaded_stays_so() -> None:
    class Base(orm.MappedAsDataclass, orm.DeclarativeBase):  # type: ignore[misc, name-defined]
        pass

    class Customer(Base):
        __tablename__ = "customer"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True, init=False)
        name: orm.Mapped[str]
        dossier: orm.Mapped[str] = orm.mapped_column(deferred=True, default="")
        orders: orm.Mapped[list["Order"]] = orm.relationship(default_factory=list)

    class Order(Base):
        __tablename__ = "orders"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True, init=False)
        customer_id: orm.Mapped[int | None] = orm.mapped_column(sqlalchemy.ForeignKey("customer.id"), default=None)

    Customer.__annotations__["orders"] = orm.Mapped[list[Order]]
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    statements: list[str] = []
    with orm.Session(engine) as session:
        session.add(Customer(name="Ann"))
        session.commit()
        sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        (customer,) = session.scalars(sqlalchemy.select(Customer)).all()
        rows = session.execute(sqlalchemy.select(Customer.id, Customer.name)).all()
        made = len(statements)
        assert to_json([customer, rows], LIMIT) == '[{"id":1,"name":"Ann"},[[1,"Ann"]]]'
        session.expire_all()
        assert to_json([customer, session.query(Customer), session], LIMIT) == (
            '[{},"<sqlalchemy.orm.query.Query>","<sqlalchemy.orm.session.Session>"]'
        )
        assert len(statements) == made
