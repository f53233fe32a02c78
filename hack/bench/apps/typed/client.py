"""The client as most would write it: its typed API, and the YAML of the definition."""

import json
import os
from pathlib import Path

import yaml
from kubernetes import client, config

config.load_incluster_config()
core = client.CoreV1Api()
batch = client.BatchV1Api()


def settle() -> None:
    """Do what one alert needs."""
    name = json.loads(Path(os.environ["BENCH_JOB"]).read_bytes())["metadata"]["name"]
    *_, namespace, _, definition = os.environ["BENCH_DEFINITION"].split("/")
    config_map = core.read_namespaced_config_map(definition, namespace)
    [text] = config_map.data.values()
    job = yaml.safe_load(text) | {"metadata": {"name": name}}
    batch.create_namespaced_job(namespace, job)
