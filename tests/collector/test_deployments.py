"""What cannot be run here is valid by the schemas and parsers of what it is for; the users are tested for real."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import kubernetes_validate
import pytest
import yaml

from agentsight_otel import clickhouse_client, schema
from agentsight_otel.local import EmbeddedClickHouse
from tests.backends import missing
from tests.collector.building import CONFIGS, ROOT
from tests.collector.conftest import StartCollector, clickhouse_environment
from tests.collector.parsers import parsed
from tests.collector.test_alerts import send

KUBERNETES = CONFIGS / "kubernetes"
PASSWORDS = (
    "AGENTSIGHT_CLICKHOUSE_PASSWORD",
    "AGENTSIGHT_COLLECTOR_PASSWORD",
    "AGENTSIGHT_GRAFANA_PASSWORD",
    "AGENTSIGHT_GRAFANA_ADMIN_PASSWORD",
)
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
OPERATOR = "github.com/open-telemetry/opentelemetry-operator@v0.140.0"
KUBERNETES_VERSIONS = ("1.31", "1.37")


def compose(**environment: str) -> dict[str, Any]:
    project: dict[str, Any] = yaml.safe_load(parsed("compose", ROOT / "compose.yaml", environment))
    return project


def test_docker_compose_reads_its_file() -> None:
    project = compose(**{name: f"secret{number}" for number, name in enumerate(PASSWORDS)})
    services = project["services"]
    assert set(services) == {"clickhouse", "schema", "collector", "grafana"}
    for name, service in services.items():
        assert "healthcheck" in service or name == "schema"
        tag = service["image"].rpartition(":")[2] if "image" in service else "1.1"
        assert tag != "latest" and "." in tag, f"{name}: the image is not pinned"
        for line in service.get("build", {}).get("dockerfile_inline", "").splitlines():
            assert not line.startswith("FROM ") or "." in line.split()[1].rpartition(":")[2], line
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1"
        for mount in service.get("volumes", ()):
            if mount["type"] == "bind":
                assert Path(mount["source"]).exists(), mount["source"]
    assert services["clickhouse"]["environment"]["CLICKHOUSE_PASSWORD"] == "secret0"
    assert services["collector"]["environment"]["AGENTSIGHT_CLICKHOUSE_PASSWORD"] == "secret1"


def test_grafana_is_given_what_its_provisioning_asks_for() -> None:
    service = compose(**dict.fromkeys(PASSWORDS, "secret"))["services"]["grafana"]
    provisioning = "".join(path.read_text() for path in (ROOT / "grafana" / "provisioning").rglob("*.yaml"))
    asked = set(re.findall(r"\$\{(AGENTSIGHT_\w+)\}", provisioning))
    assert asked and asked <= set(service["environment"])
    (dashboards,) = re.findall(r"path: (\S+)", provisioning)
    assert dashboards in {mount["target"] for mount in service["volumes"]}
    files = (CONFIGS / "compose" / "users.xml", ROOT / "grafana" / "clickhouse" / "grafana-user.xml")
    ours, theirs = (ElementTree.parse(file).getroot() for file in files)
    for path in ("profiles/grafana//*", "users/grafana/grants/query"):
        assert [(one.tag, one.text) for one in ours.iterfind(path) if one.text and one.text.strip()] == [
            (one.tag, one.text) for one in theirs.iterfind(path) if one.text and one.text.strip()
        ]


@pytest.mark.parametrize("unset", PASSWORDS)
def test_there_is_no_default_password(unset: str) -> None:
    with pytest.raises(AssertionError, match=f"required variable {unset} is missing a value: set the password"):
        compose(**{name: "" if name == unset else "secret" for name in PASSWORDS})


def test_the_collectors_user_can_store_and_grafanas_only_read(
    start_collector: StartCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The users file of compose.yaml, on the real server."""
    monkeypatch.setenv("AGENTSIGHT_COLLECTOR_PASSWORD", "storing")
    monkeypatch.setenv("AGENTSIGHT_GRAFANA_PASSWORD", "reading")
    home = tmp_path / "clickhouse"
    (home / "users.d").mkdir(parents=True)
    shutil.copy(CONFIGS / "compose" / "users.xml", home / "users.d" / "agentsight.xml")
    with EmbeddedClickHouse(home) as server:
        schema.apply(server.url())
        login = {"AGENTSIGHT_CLICKHOUSE_USER": "collector", "AGENTSIGHT_CLICKHOUSE_PASSWORD": "storing"}
        collector = start_collector("local.yaml", environment={**clickhouse_environment(server, server.url()), **login})
        assert send(collector, 1) == 200
        collector.wait_sent(1)

        def refused(user: str, password: str, statement: str) -> bool:
            url = server.url().replace(f"{server.user}:{server.password}@", f"{user}:{password}@")
            with clickhouse_client.connect(url) as client:
                try:
                    client.command(statement)
                except Exception as error:
                    assert "ACCESS_DENIED" in str(error) or "READONLY" in str(error), error
                    return True
            return False

        insert = "INSERT INTO otel_traces (SpanName) VALUES ('x')"
        assert not refused("collector", "storing", insert)
        for statement in ("DROP TABLE otel_traces", "SELECT * FROM conversations_v", "TRUNCATE TABLE otel_traces"):
            assert refused("collector", "storing", statement), statement
        assert not refused("grafana", "reading", "SELECT * FROM conversations_v")
        for statement in (insert, "DROP TABLE otel_traces", "SET readonly = 0", "CREATE DATABASE x"):
            assert refused("grafana", "reading", statement), statement


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / name).read_text()))


def go(*arguments: str | Path) -> str:
    if shutil.which("go") is None:
        missing("Go", "install Go (https://go.dev/dl)")
    done = subprocess.run(["go", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kustomize_puts_the_configs_into_manifests_of_which_kubernetes_knows_every_field() -> None:
    built = list(yaml.safe_load_all(go("run", KUSTOMIZE, "build", CONFIGS)))
    for document in built:
        for version in KUBERNETES_VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
    maps = {one["metadata"]["name"]: one["data"] for one in built if one["kind"] == "ConfigMap"}
    for name in ("gateway", "agent"):
        (workload,) = (
            one for one in built if one["metadata"]["name"] == f"agentsight-{name}" and "template" in one["spec"]
        )
        volumes = {one["name"]: one for one in workload["spec"]["template"]["spec"]["volumes"]}
        file = f"{name}.yaml"
        assert maps[volumes["config"]["configMap"]["name"]] == {file: (CONFIGS / file).read_text()}


@pytest.mark.parametrize("name", ["gateway", "agent"])
def test_the_manifests_run_the_configs_with_settings_that_these_have(name: str) -> None:
    plain = next(one for one in documents(f"{name}.yaml") if "template" in one["spec"])
    pod = plain["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (operated,) = (one for one in documents("operator.yaml") if one["metadata"]["name"] == f"agentsight-{name}")
    text = (CONFIGS / f"{name}.yaml").read_text()
    for one in (container, operated["spec"]):
        assert one["image"] == "otel/opentelemetry-collector-contrib:0.161.0"
        for variable in one["env"]:
            assert f"${{env:{variable['name']}:-" in text, variable
    assert container["args"] == [f"--config=/etc/agentsight/{name}.yaml"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts["config"] == "/etc/agentsight"
    claims = {claim["metadata"]["name"] for claim in plain["spec"].get("volumeClaimTemplates", ())}
    assert set(mounts) == set(volumes) | claims


@pytest.mark.parametrize("name", ["gateway", "agent"])
def test_the_operators_resource_carries_the_very_config(name: str) -> None:
    (document,) = (one for one in documents("operator.yaml") if one["metadata"]["name"] == f"agentsight-{name}")
    assert document["spec"]["config"] == yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())


def test_the_operator_knows_every_field_of_its_resource() -> None:
    bases = Path(json.loads(go("mod", "download", "-json", OPERATOR))["Dir"]) / "config" / "crd" / "bases"
    definition = yaml.load((bases / "opentelemetry.io_opentelemetrycollectors.yaml").read_text(), yaml.CSafeLoader)
    (version,) = (one for one in definition["spec"]["versions"] if one["name"] == "v1beta1")
    structure = closed(version["schema"]["openAPIV3Schema"])
    # What every object of Kubernetes has.
    structure["properties"]["metadata"] = {"type": "object"}
    for document in documents("operator.yaml"):
        jsonschema.validate(document, structure)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "spec": {**document["spec"], "modus": "sidecar"}}, structure)


def closed(structure: Any) -> Any:
    """The schema, refusing fields that it does not name (Kubernetes would silently drop them)."""
    if isinstance(structure, list):
        return [closed(one) for one in structure]
    if not isinstance(structure, dict):
        return structure
    result = {key: closed(value) for key, value in structure.items()}
    if isinstance(result.get("properties"), dict) and "type" in result and "additionalProperties" not in result:
        result["additionalProperties"] = bool(result.get("x-kubernetes-preserve-unknown-fields"))
    if result.pop("x-kubernetes-int-or-string", False):
        result.pop("anyOf", None)
        result.pop("type", None)
    return result
