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

from agentsight_otel.clickhouse import client as clickhouse_client
from agentsight_otel.clickhouse import schema
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
CHART = ROOT / "charts" / "agentsight"
RENDERER = Path(__file__).with_name("helmtemplate")
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


def test_no_service_of_compose_has_privileges() -> None:
    for name, service in compose(**dict.fromkeys(PASSWORDS, "secret"))["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged") and not service.get("cap_add"), name


def documents(name: str) -> list[dict[str, Any]]:
    every = yaml.safe_load_all((KUBERNETES / name).read_text())
    return [each for each in every if each["kind"] != "PodMonitor"]


def go(*arguments: str | Path) -> str:
    if shutil.which("go") is None:
        missing("Go", "install Go (https://go.dev/dl)")
    done = subprocess.run(["go", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


EVERYTHING: dict[str, Any] = {
    "clickhouse": {"host": "ch.data", "secure": True, "nativePort": 9440, "httpPort": 8443, "database": "chats"},
    "schema": {"users": {"enabled": True}},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"enabled": True, "fromNamespaces": [{"team": "chat"}]},
    "gateway": {"env": {"AGENTSIGHT_QUEUE_SPANS": "1000"}, "storageClass": "fast", "service": {"type": "LoadBalancer"}},
    "dashboards": {"namespace": "monitoring"},
}
LITTLE: dict[str, Any] = {
    "schema": {"enabled": False},
    "cleanUp": {"enabled": False},
    "agent": {"enabled": False},
    "dashboards": {"enabled": False},
}


def helm_template(tmp_path: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    """What Helm's own engine makes of the chart."""
    given = tmp_path / "values.yaml"
    given.write_text(yaml.safe_dump(values))
    return [each for each in yaml.safe_load_all(go("run", "-C", RENDERER, ".", CHART, given)) if each]


def templates(built: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pods that a chart's manifests make, by the name of what makes them."""
    specs = [(one["metadata"]["name"], one.get("spec", {})) for one in built]
    specs = [(name, spec.get("jobTemplate", {}).get("spec", spec)) for name, spec in specs]
    return {name: spec["template"] for name, spec in specs if "template" in spec}


@pytest.mark.parametrize("values", [{}, EVERYTHING, LITTLE], ids=["defaults", "everything", "little"])
def test_helm_makes_manifests_of_which_kubernetes_knows_every_field(tmp_path: Path, values: dict[str, Any]) -> None:
    built = helm_template(tmp_path, values)
    for document in built:
        if document["kind"] != "PodMonitor":  # of Prometheus' operator
            for version in KUBERNETES_VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)
    assert len({(one["kind"], one["metadata"]["name"]) for one in built}) == len(built)
    kinds = {one["kind"] for one in built}
    assert {"Job", "CronJob", "DaemonSet"} & kinds == (set() if values is LITTLE else {"Job", "CronJob", "DaemonSet"})
    assert {"PodMonitor", "NetworkPolicy"} <= kinds or values is not EVERYTHING


def test_the_chart_carries_the_very_configs_and_dashboards_and_says_where_clickhouse_is(tmp_path: Path) -> None:
    built = helm_template(tmp_path, EVERYTHING)
    maps = {one["metadata"]["name"]: one["data"] for one in built if one["kind"] == "ConfigMap"}
    for name, kind in (("gateway", "StatefulSet"), ("agent", "DaemonSet")):
        file = f"{name}.yaml"
        config = (CONFIGS / file).read_text()
        assert maps[f"agentsight-{name}"] == {file: config}
        (workload,) = (one for one in built if one["kind"] == kind)
        pod = workload["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["args"] == [f"--config=/etc/agentsight/{file}"]
        for variable in container["env"]:
            assert f"${{env:{variable['name']}:-" in config, variable
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", ())}
        assert set(mounts) == {volume["name"] for volume in pod["volumes"]} | claims
        values = {variable["name"]: variable.get("value") for variable in container["env"]}
        if name == "gateway":
            assert values["AGENTSIGHT_CLICKHOUSE_ENDPOINT"] == "tcp://ch.data:9440?secure=true"
            assert (values["AGENTSIGHT_CLICKHOUSE_DATABASE"], values["AGENTSIGHT_QUEUE_SPANS"]) == ("chats", "1000")
    for dashboard in (ROOT / "grafana" / "dashboards").glob("*.json"):
        assert maps[f"agentsight-{dashboard.stem}"] == {dashboard.name: dashboard.read_text()}
    jobs = {name: pod["spec"]["containers"][0] for name, pod in templates(built).items()}
    for name, command in (("schema", ["schema", "apply"]), ("clean-up", ["erase", "--clean-up"])):
        job = jobs[f"agentsight-{name}"]
        assert job["args"] == command
        (url,) = (each["value"] for each in job["env"] if each["name"] == "AGENTSIGHT_CLICKHOUSE_URL")
        assert url == "https://agentsight:$(AGENTSIGHT_CLICKHOUSE_PASSWORD)@ch.data:8443/chats"
    users = jobs["agentsight-users"]
    statements = next(each["value"] for each in users["env"] if each["name"] == "STATEMENTS")
    assert "GRANT SELECT ON chats.* TO `grafana`" in statements
    assert "PASSWORD" not in str(users["command"] + users["args"])


def test_tls_to_clickhouse_is_one_setting(tmp_path: Path) -> None:
    built = helm_template(
        tmp_path,
        {"clickhouse": {"secure": True}, "schema": {"users": {"enabled": True}}, "networkPolicy": {"enabled": True}},
    )
    # The configs in the maps state the defaults of the ports.
    text = yaml.safe_dump_all(one for one in built if one["kind"] != "ConfigMap")
    for expected in ("tcp://clickhouse:9440?secure=true", "@clickhouse:8443/agentsight", "--port=9440", "--secure"):
        assert expected in text
    assert "9000" not in text and "8123" not in text
    assert "clickhouse-ca" not in text
    plain = yaml.safe_dump_all(helm_template(tmp_path, {"schema": {"users": {"enabled": True}}}))
    for expected in ("tcp://clickhouse:9000", "http://agentsight:", "@clickhouse:8123/agentsight", "--port=9000"):
        assert expected in plain
    assert "--secure" not in plain


def test_an_authority_of_ones_own_reaches_whatever_asks_clickhouse(tmp_path: Path) -> None:
    values = {"clickhouse": {"secure": True, "caConfigMap": "ch-ca"}, "schema": {"users": {"enabled": True}}}
    built = helm_template(tmp_path, values)
    pods = {name.removeprefix("agentsight-"): pod["spec"] for name, pod in templates(built).items()}
    for name in ("gateway", "schema", "clean-up", "users"):
        assert {"name": "clickhouse-ca", "configMap": {"name": "ch-ca"}} in pods[name]["volumes"]
        (mount,) = (each for each in pods[name]["containers"][0]["volumeMounts"] if each["name"] == "clickhouse-ca")
        assert mount["mountPath"] == "/etc/agentsight-clickhouse-ca"
    variables = {each["name"]: each.get("value") for each in pods["gateway"]["containers"][0]["env"]}
    assert variables["AGENTSIGHT_CLICKHOUSE_CA_FILE"] == "/etc/agentsight-clickhouse-ca/ca.crt"
    (client,) = (
        one["data"]["client.xml"] for one in built if one["metadata"]["name"] == "agentsight-clickhouse-client"
    )
    assert ElementTree.fromstring(client).findtext("openSSL/client/caConfig") == "/etc/agentsight-clickhouse-ca/ca.crt"


def test_the_gateways_service_has_the_ports_of_otlp_alone(tmp_path: Path) -> None:
    for one in helm_template(tmp_path, EVERYTHING):
        if one["kind"] == "Service":
            assert [port["port"] for port in one["spec"]["ports"]] == [4317, 4318]


def test_no_pod_of_the_chart_has_privileges(tmp_path: Path) -> None:
    pods = [pod["spec"] for pod in templates(helm_template(tmp_path, EVERYTHING)).values()]
    assert len(pods) == 5
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_only_agents_reach_gateways_and_only_gateways_and_grafana_reach_clickhouse(tmp_path: Path) -> None:
    made = helm_template(tmp_path, EVERYTHING)
    policies = {
        one["metadata"]["name"].rpartition("-")[2]: one["spec"] for one in made if one["kind"] == "NetworkPolicy"
    }

    def may_send(policy: str, *ports: str | int) -> set[str]:
        """Who the policy lets in at a port: pods by name, namespaces by label."""
        found: set[str] = set()
        for rule in policies[policy]["ingress"]:
            if "ports" not in rule or {each["port"] for each in rule["ports"]} & set(ports):
                for peer in rule["from"]:
                    labels = peer.get("podSelector", peer.get("namespaceSelector")).get("matchLabels", {"": "here"})
                    found.add(labels.get("app.kubernetes.io/name") or next(iter(labels.values())))
        return found

    assert may_send("gateway", "otlp-grpc", "otlp-http") == {"agentsight-agent"}
    assert may_send("agent", "otlp-grpc", "otlp-http") == {"here", "chat"}
    assert may_send("gateway", "metrics") == may_send("agent", "metrics") == {"monitoring"}
    jobs = {"agentsight-schema", "agentsight-clean-up", "agentsight-users"}
    assert may_send("clickhouse", 9440, 8443) == {"agentsight-gateway", "grafana", "clickhouse", *jobs}
    pods = [pod["metadata"]["labels"] for pod in templates(made).values()]
    for policy in ("gateway", "agent"):
        selected = policies[policy]["podSelector"]["matchLabels"]
        assert sum(selected.items() <= labels.items() for labels in pods) == 1


def test_what_is_scraped_has_the_name_that_the_alerts_ask_for(tmp_path: Path) -> None:
    (job,) = set(re.findall(r'job="([^"]+)"', (CONFIGS / "alerts.yaml").read_text()))
    assert f"job_name: {job}" in (CONFIGS / "README.md").read_text()
    made = helm_template(tmp_path, EVERYTHING)
    monitors = [one["spec"] for one in made if one["kind"] == "PodMonitor"]
    assert len(monitors) == 2
    for monitor in monitors:
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": job}]
        (pod,) = (
            one["spec"]["template"]
            for one in made
            if one["kind"] in ("StatefulSet", "DaemonSet")
            and monitor["selector"]["matchLabels"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        )
        assert endpoint["port"] in [port["name"] for port in pod["spec"]["containers"][0]["ports"]]
    operated = [
        one for one in yaml.safe_load_all((KUBERNETES / "operator.yaml").read_text()) if one["kind"] == "PodMonitor"
    ]
    assert {one["metadata"]["name"] for one in operated} == {"agentsight-gateway", "agentsight-agent"}
    for one in operated:
        (endpoint,) = one["spec"]["podMetricsEndpoints"]
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": job}]


def test_the_chart_refuses_a_value_that_it_does_not_know(tmp_path: Path) -> None:
    given = tmp_path / "values.yaml"
    given.write_text("clickhouse: {hots: a}")
    if shutil.which("go") is None:
        missing("Go", "install Go (https://go.dev/dl)")
    done = subprocess.run(["go", "run", "-C", RENDERER, ".", CHART, given], capture_output=True, text=True, timeout=600)
    assert done.returncode != 0 and "hots" in done.stderr


@pytest.mark.parametrize("name", ["gateway", "agent"])
def test_the_operators_resource_has_settings_that_the_config_has(name: str) -> None:
    (operated,) = (one for one in documents("operator.yaml") if one["metadata"]["name"] == f"agentsight-{name}")
    text = (CONFIGS / f"{name}.yaml").read_text()
    assert operated["spec"]["image"] == "otel/opentelemetry-collector-contrib:0.161.0"
    for variable in operated["spec"]["env"]:
        assert f"${{env:{variable['name']}:-" in text, variable


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
