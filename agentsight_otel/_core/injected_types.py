"""Types of what a framework or the application fills in: contexts of runs, requests, sessions, connections.

They hold credentials and the whole conversation: nothing looks into a value of such a type, wherever it stands.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

TYPES: Final[dict[str, frozenset[str]]] = {
    # Contexts of agent frameworks.
    "pydantic_ai": frozenset({"RunContext"}),
    "langchain": frozenset({"ToolRuntime"}),
    "langchain_core": frozenset({"InjectedToolArg", "RunnableConfig", "BaseCallbackManager"}),
    "langgraph": frozenset({"ToolRuntime", "Runtime", "InjectedState", "InjectedStore", "BaseStore"}),
    "agents": frozenset({"RunContextWrapper"}),
    "google": frozenset({"Context", "ToolContext", "ReadonlyContext", "InvocationContext"}),
    "mcp": frozenset({"Context", "ServerSession", "RequestContext", "ClientSession"}),
    "fastmcp": frozenset({"Context"}),
    "livekit": frozenset({"RunContext"}),
    "strands": frozenset({"ToolContext", "Agent"}),
    "llama_index": frozenset({"Context"}),
    "workflows": frozenset({"Context"}),
    "semantic_kernel": frozenset({"Kernel", "KernelArguments"}),
    "agent_framework": frozenset({"FunctionInvocationContext"}),
    "autogen_core": frozenset({"CancellationToken"}),
    # What web frameworks pass, and how they mark it.
    "starlette": frozenset({"HTTPConnection", "Response", "BackgroundTask", "State"}),
    "fastapi": frozenset({"Depends", "BackgroundTasks", "SecurityScopes"}),
    "fast_depends": frozenset({"Depends"}),
    "taskiq_dependencies": frozenset({"Dependency"}),
    "dependency_injector": frozenset({"Provider", "_Marker"}),
    "litestar": frozenset({"ASGIConnection", "State"}),
    "aiohttp": frozenset({"BaseRequest", "ClientSession"}),
    "django": frozenset({"HttpRequest"}),
    "flask": frozenset({"Request"}),
    "werkzeug": frozenset({"Request"}),
    "celery": frozenset({"Task"}),
    "click": frozenset({"Context"}),
    "awslambdaric": frozenset({"LambdaContext"}),
    # Settings, sessions, connections and clients.
    "pydantic_settings": frozenset({"BaseSettings"}),
    "sqlalchemy": frozenset({"Session", "AsyncSession", "scoped_session", "Connection", "AsyncConnection", "Engine"})
    | {"AsyncEngine", "sessionmaker", "async_sessionmaker"},
    "sqlite3": frozenset({"Connection", "Cursor"}),
    "aiosqlite": frozenset({"Connection", "Cursor"}),
    "asyncpg": frozenset({"Connection", "Pool", "PoolConnectionProxy"}),
    "psycopg": frozenset({"BaseConnection", "BaseCursor"}),
    "psycopg_pool": frozenset({"BasePool"}),
    "psycopg2": frozenset({"connection", "cursor"}),
    "pymongo": frozenset({"MongoClient", "AsyncMongoClient", "Database", "AsyncDatabase", "Collection"}),
    "motor": frozenset({"AgnosticClient", "AgnosticDatabase", "AgnosticCollection"}),
    "redis": frozenset({"Redis"}),
    "httpx": frozenset({"BaseClient"}),
    "requests": frozenset({"Session"}),
}
"""The names of classes by their package; subclasses are recognised too."""


@functools.lru_cache(maxsize=2_048)
def _listed(kind: Any) -> bool:
    for ancestor in kind.__mro__[:-1]:
        package = ancestor.__module__.partition(".")[0] if isinstance(ancestor.__module__, str) else ""
        if ancestor.__name__ in TYPES.get(package, ()):
            return True
    return False


is_injected_type: Callable[[Any], bool] = _listed
"""Returns whether values of a type are filled in by a framework or the application."""
