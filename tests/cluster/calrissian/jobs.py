"""The Jobs that users run Calrissian with: as its documentation gives it, and as pycalrissian makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.images import CALRISSIAN

INPUT, TMPOUT, OUTPUT = "calrissian-input-data", "calrissian-tmpout", "calrissian-output-data"
"""The documentation's three claims."""

WORKDIR = "calrissian-wdir"
"""pycalrissian's one claim."""

ROLES = {
    "pod-manager-role": (["pods"], ["create", "patch", "delete", "list", "watch"]),
    "log-reader-role": (["pods/log"], ["get", "list"]),
}
"""All that Calrissian's documentation lets its service account do (README, "Cluster Setup")."""

OURS = ("calrissian",)
"""In our image that is `calrissian-dask run`."""

STOCK = ("/opt/calrissian/bin/python", "-c", "import sys, calrissian.main as m; sys.exit(m.main())")
"""Unmodified Calrissian, in the same image."""

POD_NAME = {
    "name": "CALRISSIAN_POD_NAME",
    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
}

REQUESTS = {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "2G"}}
"""pycalrissian asks for a whole core; the one node has two for everybody."""


def rights() -> list[tuple[str, dict[str, Any]]]:
    """Kind and body of the documentation's roles and bindings, for the account `default`."""
    made: list[tuple[str, dict[str, Any]]] = []
    for name, (resources, verbs) in ROLES.items():
        rule = {"apiGroups": [""], "resources": resources, "verbs": verbs}
        made.append(("Role", {"metadata": {"name": name}, "rules": [rule]}))
        subject = {"kind": "ServiceAccount", "name": "default"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        binding = {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}
        made.append(("RoleBinding", binding))
    return made


def documented(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    user: int | None = None,
    program: Sequence[str] = OURS,
) -> dict[str, Any]:
    """Calrissian's documented Job (its examples/CalrissianJob-revsort.yaml), with our image."""
    claims = {INPUT: "input-data", TMPOUT: "tmpout", OUTPUT: "output-data"}
    output = "/calrissian/output-data"
    container = {
        "name": "calrissian",
        "image": CALRISSIAN,
        "imagePullPolicy": "Never",
        "command": list(program),
        "args": [
            *(
                "--stdout",
                f"{output}/docker-output.json",
                "--stderr",
                f"{output}/docker-stderr.log",
            ),
            *("--max-ram", "16G", "--max-cores", "8"),
            *("--tmp-outdir-prefix", "/calrissian/tmpout/", "--outdir", f"{output}/"),
            *("--usage-report", f"{output}/docker-usage.json"),
            *arguments,
        ],
        "env": [POD_NAME, *({"name": k, "value": v} for k, v in environment.items())],
        "resources": REQUESTS,
        "volumeMounts": [
            {"name": claim, "mountPath": f"/calrissian/{folder}"}
            for claim, folder in claims.items()
        ],
    }
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    spec: dict[str, Any] = {
        "containers": [container],
        "volumes": volumes,
        "restartPolicy": "Never",
    }
    if user is not None:
        spec["securityContext"] = {"runAsUser": user, "runAsGroup": user}
    return {
        "metadata": {"name": "calrissian"},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }


def pycalrissian(image: str, entry: str | None = None) -> dict[str, Any]:
    """What pycalrissian makes (pycalrissian/job.py), argument by argument; only the image is chosen.

    It writes imagePullPolicy Always; no registry has our image here.
    """
    base = "/calrissian"
    workflow = "/workflow-input/workflow.cwl" + (f"#{entry}" if entry else "")
    container = {
        "name": "calrissian",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["calrissian"],
        "args": [
            *("--stdout", f"{base}/output.json", "--stderr", f"{base}/stderr.log"),
            *("--usage-report", f"{base}/report.json", "--max-ram", "8G", "--max-cores", "16"),
            *("--tmp-outdir-prefix", f"{base}/", "--outdir", f"{base}/"),
            *(
                "--tool-logs-basepath",
                base,
                "--enable-ext",
                workflow,
                "/workflow-params/params.yml",
            ),
        ],
        "env": [POD_NAME],
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 30"]}}},
        "resources": REQUESTS,
        "volumeMounts": [
            {"name": "volume-cwl-workflow", "mountPath": "/workflow-input"},
            {"name": "volume-params", "mountPath": "/workflow-params"},
            {"name": "volume-calrissian-wdir", "mountPath": base},
        ],
    }
    volumes = [
        _file("volume-cwl-workflow", "cwl-workflow", "workflow.cwl"),
        _file("volume-params", "params", "params.yml"),
        {"name": "volume-calrissian-wdir", "persistentVolumeClaim": {"claimName": WORKDIR}},
    ]
    spec = {
        "containers": [container],
        "volumes": volumes,
        "restartPolicy": "Never",
        "securityContext": {"runAsUser": 0, "runAsGroup": 0, "fsGroup": 0},
        "terminationGracePeriodSeconds": 120,
    }
    return {
        "metadata": {"name": "job-1732392000"},
        "spec": {
            "backoffLimit": 2,
            "template": {"metadata": {"labels": {"pod_name": "calrissian_pod"}}, "spec": spec},
        },
    }


def _file(volume: str, config_map: str, file: str) -> dict[str, Any]:
    items = [{"key": config_map, "path": file, "mode": 0o644}]
    return {"name": volume, "configMap": {"name": config_map, "items": items, "defaultMode": 0o644}}
