"""The SDKs that are run, in their newest versions, and what of their conversation has to be in the views."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.collector.foreign.environments import python_with
from tests.dashboards.npm import installed

SCRIPTS = Path(__file__).parent
OPENAI = "openai==3.57.0"
OPENAI_AGENTS = ["openai-agents==0.24.0", OPENAI]
LANGCHAIN = ["langchain==1.5.2", "langchain-openai==1.7.4"]
OTLP = "opentelemetry-exporter-otlp-proto-http==1.45.2"
GENAI = ["opentelemetry-util-genai==1.3b0", "opentelemetry-instrumentation-genai-openai==1.3b0", OTLP]
OPENINFERENCE = ["openinference-instrumentation-openai==0.1.66", OTLP]
OPENLLMETRY = ["traceloop-sdk==0.62.4", "httpx==0.28.1"]  # it imports httpx, and does not say so

JAVASCRIPT = [
    "@opentelemetry/api@1.9.1",
    "@opentelemetry/exporter-trace-otlp-http@0.223.1",
    "@opentelemetry/resources@2.12.1",
    "@opentelemetry/sdk-trace-node@2.12.1",
    "zod@4.6.7",
]


@dataclass
class Sdk:
    """A run of one.

    Attributes:
        script: In this folder.
        requirements: The packages that it runs with, of PyPI or npm.
        conversation: What it calls the conversation; '' where its spans do not say.
        customer: With whom its spans say that the conversation is.
        model_calls: Those that its spans report as such, the failed one included.
        service: What its spans call the service; if nothing else, it is the script's name, from the environment.
    """

    script: str
    requirements: Sequence[str]
    conversation: str = ""
    customer: str = ""
    model_calls: int = 5
    service: str = ""

    def __post_init__(self) -> None:
        self.service = self.service or self.script

    def command(self) -> tuple[list[str | Path], Path]:
        """What runs it, and in which folder; its packages are installed where they are not yet."""
        script = SCRIPTS / self.script
        if script.suffix == ".py":
            return [python_with(self.requirements), script], SCRIPTS
        folder = installed(script.stem, *self.requirements)
        for module in SCRIPTS.glob("*.mjs"):  # Node.js looks for packages where a script is
            shutil.copy(module, folder)
        return ["node", self.script], folder


AGENTSIGHT = Sdk(
    "agentsight_sdk.py", ["agentsight==0.1.4", OPENAI, OTLP], "official", "customer-1", service="agentsight-python"
)
OTHERS = [
    Sdk("genai_openai.py", [*GENAI, OPENAI], "genai-openai"),
    Sdk("genai_openai_alone.py", [*GENAI, OPENAI]),
    Sdk(
        "genai_openai_agents.py",
        [*GENAI, "opentelemetry-instrumentation-genai-openai-agents==1.3b0", *OPENAI_AGENTS],
        "genai-openai-agents",
    ),
    Sdk(
        "genai_langchain.py",
        [*GENAI, "opentelemetry-instrumentation-genai-langchain==1.3b0", *LANGCHAIN],
        "genai-langchain",
    ),
    Sdk("openinference_openai.py", [*OPENINFERENCE, OPENAI], "openinference-openai", "customer-1"),
    Sdk(
        "openinference_openai_agents.py",
        [*OPENINFERENCE, "openinference-instrumentation-openai-agents==2.6.0", *OPENAI_AGENTS],
        "openinference-openai-agents",
        "customer-1",
    ),
    Sdk(
        "openinference_langchain.py",
        [*OPENINFERENCE, "openinference-instrumentation-langchain==0.1.80", *LANGCHAIN],
        "openinference-langchain",
        "customer-1",
    ),
    Sdk("openllmetry.py", [*OPENLLMETRY, OPENAI], "openllmetry", "customer-1"),
    Sdk("openllmetry_langchain.py", [*OPENLLMETRY, *LANGCHAIN], "openllmetry-langchain", "customer-1"),
    Sdk("langfuse_sdk.py", ["langfuse==5.0.4", OPENAI], "langfuse", "customer-1"),
    Sdk("langsmith_sdk.py", ["langsmith[otel]==0.15.1", OPENAI], "langsmith", "customer-1"),
    Sdk("pydantic_ai_agent.py", ["pydantic-ai-slim[openai]==2.68.0", OTLP], "pydantic-ai"),
    # Of a model's call that failed its span says nothing but its name.
    Sdk("logfire_openai_agents.py", ["logfire==5.4.0", *OPENAI_AGENTS], "logfire", "customer-1", model_calls=4),
    Sdk("strands_agent.py", ["strands-agents[openai,otel]==1.62.0"], "strands", "customer-1"),
    Sdk("adk_agent.py", ["google-adk==2.13.0", "opentelemetry-exporter-otlp-proto-http==1.44.0"], "adk"),
    Sdk("microsoft_agent.py", ["agent-framework-core==1.23.0", "agent-framework-openai==1.17.0", OTLP]),
    Sdk("vercel_ai_6.mjs", ["ai@6.0.326", "@ai-sdk/openai@3.0.141", *JAVASCRIPT], "vercel-ai-6", "customer-1"),
    Sdk(
        "vercel_ai_7.mjs",
        ["ai@7.0.173", "@ai-sdk/openai@4.0.118", "@ai-sdk/otel@1.0.173", *JAVASCRIPT],
        "vercel-ai-7",
        "customer-1",
    ),
]
