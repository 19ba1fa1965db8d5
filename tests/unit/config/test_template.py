"""`template:` is held against the API's own names when the configuration is read, with the nearest one that exists."""

from typing import Any

import pytest

HEAD = "platform: {endpoint: emulator}\n"
SUITES = "suites: {smoke: {pytest: tests}}\n"


def said(only: Any, template: str, beside: str = "") -> list[str]:
    text = HEAD + f"services:\n  a:\n    source: a\n    {beside}\n    template: {template}\n" + SUITES
    return [p.removeprefix("configs/e.yaml:").replace("services.a.", "") for p in only(text).problems()]


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{tiemout: 60s}", '6: template.tiemout: is no field of Cloud Run\'s RevisionTemplate; did you mean "timeout"'),
        ("{session_affinity: true}", '6: template.session_affinity: is no field of Cloud Run\'s RevisionTemplate; did you mean "sessionAffinity"?'),  # noqa: E501
        (
            "{containers: [{resources: {limit: {}}}]}",
            '6: template.containers[0].resources.limit: is no field of Cloud Run\'s ResourceRequirements; did you mean "limits"?',  # noqa: E501
        ),
        ("{containers: {}}", "6: template.containers: expected a list, found a map"),
        ("{scaling: 3}", "6: template.scaling: expected a map of keys (RevisionScaling), found the number 3"),
        ("{timeout: 60}", "6: template.timeout: expected a time in seconds such as 90s, found the number 60"),
        ("{timeout: 1m}", '6: template.timeout: expected a time in seconds such as 90s, found the text "1m"'),
        ("{sessionAffinity: 1}", "6: template.sessionAffinity: expected true or false, found the number 1"),
        ("{scaling: {minInstanceCount: many}}", "6: template.scaling.minInstanceCount: expected a whole number, found"),
        ("{serviceAccount: 5}", "6: template.serviceAccount: expected text; put it in quotes, found the number 5"),
        ("{labels: {a: 5}}", "6: template.labels.a: expected text; put it in quotes, found the number 5"),
        (
            "{executionEnvironment: EXECUTION_ENVIRONMENT_GEN3}",
            "6: template.executionEnvironment: expected one of EXECUTION_ENVIRONMENT_UNSPECIFIED, EXECUTION_ENVIRONMENT_GEN1",  # noqa: E501
        ),
        (
            "{containers: [{ports: [{containerPort: 70000}]}]}",
            "6: template.containers[0].ports[0].containerPort: expected a port from 1 to 65535, found the number 70000",
        ),
        (
            "{containers: [{startupProbe: {grpc: {port: '0'}}}]}",
            '6: template.containers[0].startupProbe.grpc.port: expected a port from 1 to 65535, found the text "0"',
        ),
        (
            "{annotations: {run.googleapis.com/cpu-throttling: 'false'}}",
            "6: template.annotations.run.googleapis.com/cpu-throttling: is in the namespace run.googleapis.com, which",
        ),
        (
            "{labels: {a.serving.knative.dev/x: y}}",
            "6: template.labels.a.serving.knative.dev/x: is in the namespace a.serving.knative.dev, which Cloud Run's",
        ),
        (
            "{containers: [{}, {env: [{name: A, value: x}, {name: A, value: y}]}]}",
            "6: template.containers[1].env: names A twice; give one of them",
        ),
        ("{revision: mine}", "6: template.revision: is named by loop, anew for every deployment"),
        ("{containers: [{image: i}]}", "6: template.containers[0].image: is what loop deploys"),
        ("{labels: {loop-run: x}}", "6: template.labels.loop-run: begins with loop-, which is loop's own"),
        ("{annotations: {loop-env: x}}", "6: template.annotations.loop-env: begins with loop-, which is loop's own"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence(only: Any, template: str, sentence: str) -> None:
    (problem,) = said(only, template)
    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    ("beside", "template", "sentence"),
    [
        ("timeout: 5m", "{timeout: 60s}", "6: template.timeout: is what timeout: says; give one of them"),
        (
            "memory: 1Gi",
            "{containers: [{resources: {limits: {memory: 2Gi}}}]}",
            "6: template.containers[0].resources.limits.memory: is what memory: says; give one of them",
        ),
        ("vpc: {network: n}", "{vpcAccess: {egress: ALL_TRAFFIC}}", "6: template.vpcAccess: is what vpc: says; give"),
        ("port: 80", "{containers: [{ports: [{name: h2c}]}]}", "6: template.containers[0].ports: is what port: says"),
        ("labels: {team: red}", "{labels: {team: blue}}", "6: template.labels: names team, which stands in labels:"),
        ("env: {A: 1}", "{containers: [{env: [{name: A}]}]}", "6: template.containers[0].env: names A, which stands"),
    ],
)  # fmt: skip
def test_what_a_typed_key_says_too_is_refused(only: Any, beside: str, template: str, sentence: str) -> None:
    (problem,) = said(only, template, beside)
    assert problem.startswith(sentence)


def test_what_the_api_has_is_taken_as_it_stands(only: Any) -> None:
    template = (
        "{executionEnvironment: EXECUTION_ENVIRONMENT_GEN2, sessionAffinity: true, encryptionKeyShutdownDuration: 1.5s,"
        " nodeSelector: {accelerator: nvidia-l4}, scaling: {minInstanceCount: 1}, annotations: {x.example/y: z},"
        " containers: [{resources: {cpuIdle: false, limits: {nvidia.com/gpu: '1'}}},"
        " {name: proxy, image: envoy, dependsOn: [a]}], volumes: [{name: v, emptyDir: {medium: MEMORY}}]}"
    )
    text = HEAD + f"services:\n  a: {{source: a, cpu: 1, template: {template}}}\n" + SUITES
    service = only(text).load().environment.services[0]
    assert service.template["nodeSelector"] == {"accelerator": "nvidia-l4"}
