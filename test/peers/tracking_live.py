"""Reads what we tell TensorBoard, W&B and MLflow with their own readers: TensorBoard's EventAccumulator, `wandb leet inspect`, MLflow's client
on a real server.

    python test/peers/tracking_live.py

Needs tensorboard, wandb and mlflow (requirements.txt); run from the root of the repository. Our side (tracking.ts) trains an agent and a
language model for a moment. Every number must be that of the run directory's own files: exactly in W&B and MLflow, in float32 in
TensorBoard. A run that is told later must be the same as one that was told live. Prints one line a check, and last `N passed, N failed`.
"""

import glob
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

BIN = os.path.dirname(sys.executable)
LOSSES = {"policyLoss", "valueLoss", "entropy", "approxKl", "oldApproxKl", "clipFraction", "valueClipFraction",
          "explainedVariance", "gradNorm", "ratio"}


def grouped(name):
    return f"{'losses' if name in LOSSES else 'charts'}/{name}"


def rows(folder, name):
    with open(os.path.join(folder, f"{name}.jsonl")) as file:
        return [json.loads(line) for line in file]


def metrics_of(row):
    skipped = ("update", "globalStep")
    return {grouped(k): v for k, v in row.items() if k not in skipped and v is not None}


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = {kind: 0 for kind in ("scalars", "histograms", "tensors", "images")}
    accumulator = EventAccumulator(folder, size_guidance=everything)
    accumulator.Reload()
    return accumulator


def check_tensorboard(run, events):
    metrics = rows(run, "metrics")
    for tag in {tag for row in metrics for tag in metrics_of(row)}:
        want = [(row["globalStep"], np.float32(metrics_of(row)[tag])) for row in metrics if tag in metrics_of(row)]
        have = [(event.step, np.float32(event.value)) for event in events.Scalars(tag)]
        assert have == want, f"{tag}: {have[:3]} but {want[:3]}"
    began = json.load(open(f"{run}/config.json"))["createdAt"]
    times = [event.wall_time for event in events.Scalars("charts/seconds")]
    seconds = [row["seconds"] for row in metrics]
    epoch = np.datetime64(began.rstrip("Z"), "ms").astype(np.int64) / 1000
    assert np.allclose(times, epoch + np.array(seconds), atol=2e-3)


def check_tensorboard_episodes(run, events):
    episodes = rows(run, "episodes")
    assert len(episodes) > 20
    have = [(event.step, event.value) for event in events.Scalars("episodes/return")]
    assert have == [(row["globalStep"], row["return"]) for row in episodes]
    assert [event.value for event in events.Scalars("episodes/length")] == [row["length"] for row in episodes]
    histograms = events.Histograms("episodes/return")
    assert sum(h.histogram_value.num for h in histograms) == len(episodes)
    last = [row["return"] for row in episodes if row["globalStep"] > histograms[-2].step]
    value = histograms[-1].histogram_value
    assert (value.min, value.max, value.sum) == (min(last), max(last), sum(last))
    assert sum(value.bucket) == len(last) and value.bucket_limit[-1] >= max(last)


def check_tensorboard_texts(run, events):
    completions = rows(run, "completions")
    tables = [event.tensor_proto.string_val[0].decode() for event in events.Tensors("completions")]
    assert len(tables) == len(rows(run, "metrics"))
    plugin = events.SummaryMetadata("completions").plugin_data.plugin_name
    assert plugin == "text", plugin
    from tensorboard import plugin_util

    # As TensorBoard's page shows it, no text of a model is anything but text.
    html = plugin_util.markdown_to_safe_html(tables[0])
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html, re.S)
    texts = [re.sub(r"<br ?/?>", "\n", cell).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for cell in cells]
    width = html.count("<th>") + html.count("<th ")
    assert texts[::width] == [row["prompt"] for row in completions[:8]], texts[::width]
    assert texts[1::width] == [row["completion"] for row in completions[:8]], (texts[1::width], html)
    settings = events.Tensors("hyperparameters")[0].tensor_proto.string_val[0].decode()
    assert "| seed | 5 |" in settings


def pictures(run):
    """Pictures in a run's media/, by the names they have elsewhere."""
    found = {f"media/{os.path.basename(path)[:-4]}": path for path in glob.glob(f"{run}/media/*.png")}
    assert "media/learning-curve" in found, found
    return found


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


def check_tensorboard_images(run, events):
    assert set(events.Tags()["images"]) == set(pictures(run)), events.Tags()["images"]
    for name, path in pictures(run).items():
        (event,) = events.Images(name)
        assert event.encoded_image_string == bytes_of(path)
        assert (event.width, event.step) == (1280, rows(run, "metrics")[-1]["globalStep"])


def inspect(folder, *arguments):
    (run,) = glob.glob(f"{folder}/wandb/offline-run-*")
    command = [f"{BIN}/wandb", "leet", "inspect", "--json", *arguments, run]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "WANDB_ERROR_REPORTING": "false"})
    if "--summary" in arguments:
        return run, json.loads(done.stdout)
    return run, [json.loads(line) for line in done.stdout.splitlines()]


def history_of(records):
    return [record["history"] for record in records if record["type"] == "history"]


def values_of(record):
    found = record.get("item", record)
    return found if isinstance(found, dict) else {i.get("key") or i["nested_key"][0]: json.loads(i["value_json"]) for i in found}


def check_wandb(run):
    _, records = inspect(run)
    config = [r["run"] for r in records if r["type"] == "run"][0]["config"]["update"]
    config.pop("_wandb")
    for record in records:
        if record["type"] == "config":
            config.update(record["config"]["update"])
    assert config == json.load(open(f"{run}/config.json")), config
    history = [values_of(record) for record in history_of(records)]
    steps = [row["_step"] for row in history]
    assert steps == sorted(set(steps)), "steps must rise"
    by_step = {row["_step"]: row for row in history}
    for row in rows(run, "metrics"):
        have = by_step[row["globalStep"]]
        assert {k: have[k] for k in metrics_of(row)} == metrics_of(row)
    for row in rows(run, "episodes") if os.path.exists(f"{run}/episodes.jsonl") else []:
        have = by_step[row["globalStep"]]
        assert (have["episodes/return"], have["episodes/length"]) == (row["return"], row["length"])
    assert [r["exit"].get("exit_code", 0) for r in records if r["type"] == "exit"] == [0]


def check_wandb_summary(run):
    _, summary = inspect(run, "--summary")
    text = json.dumps(summary)
    ended = json.load(open(f"{run}/summary.json"))
    assert summary["state"] == "finished", text
    assert summary["summary"]["stoppedBy"] == ended["stoppedBy"] and summary["summary"]["steps"] == ended["steps"], text


def check_wandb_table(run):
    folder, records = inspect(run)
    completions = rows(run, "completions")
    tables = [values_of(record)["completions"] for record in history_of(records) if "completions" in values_of(record)]
    assert len(tables) == len(rows(run, "metrics"))
    told = {r["files"]["files"][0]["path"] for r in records if r["type"] == "files"}
    for i, table in enumerate(tables):
        assert table["_type"] == "table-file" and table["path"] in told, table
        content = json.load(open(f"{folder}/files/{table['path']}"))
        column = content["columns"].index
        want = [row for row in completions if row["update"] == i + 1]
        assert [row[column("completion")] for row in content["data"]] == [row["completion"] for row in want]
        assert [row[column("return")] for row in content["data"]] == [row["return"] for row in want]


    check_wandb_artifacts(folder, records, tables)


def check_wandb_artifacts(folder, records, tables):
    """Each table is an artifact too, as W&B's own client would have made it of the file's content."""
    from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry
    from wandb.sdk.artifacts.artifact_manifests.artifact_manifest_v1 import ArtifactManifestV1
    from wandb.sdk.artifacts.storage_policies.wandb_storage_policy import WandbStoragePolicy
    from wandb.sdk.lib.hashutil import md5_file_b64

    artifacts = [record["artifact"] for record in records if record["type"] == "artifact"]
    assert len(artifacts) == len(tables)
    (run_id,) = {record["run"]["run_id"] for record in records if record["type"] == "run"}
    for artifact, table in zip(artifacts, tables):
        (entry,) = artifact["manifest"]["contents"]
        assert table["artifact_path"] == f"wandb-client-artifact://{artifact['client_id']}/{entry['path']}"
        assert table["_latest_artifact_path"] == f"wandb-client-artifact://{artifact['sequence_client_id']}:latest/{entry['path']}"
        assert (artifact["name"], artifact["type"], artifact["run_id"]) == (f"run-{run_id}-completions", "run_table", run_id)
        path = entry["local_path"]
        assert (entry["digest"], int(entry["size"])) == (md5_file_b64(path), os.path.getsize(path))
        manifest = ArtifactManifestV1(storage_policy=WandbStoragePolicy(), digest_algorithm=artifact["digest_algorithm"])
        manifest.add_entry(ArtifactManifestEntry(path=entry["path"], digest=entry["digest"], size=int(entry["size"])))
        assert artifact["digest"] == manifest.digest()
        check_wandb_table_object(json.load(open(path)), json.load(open(f"{folder}/files/{table['path']}")))


def check_wandb_table_object(ours, rows_of):
    """What W&B's client would write of these rows, and what it makes of ours."""
    import wandb

    theirs = wandb.Table(columns=rows_of["columns"], data=rows_of["data"])
    params = theirs._column_types.to_json()["params"]["type_map"]
    kinds = lambda types: {name: sorted(t["wb_type"] for t in of["params"]["allowed_types"]) for name, of in types.items()}
    assert kinds(ours["column_types"]["params"]["type_map"]) == kinds(params), (ours["column_types"], params)
    assert (ours["columns"], ours["data"], ours["nrows"]) == (rows_of["columns"], rows_of["data"], len(rows_of["data"]))
    read = wandb.Table.from_json(ours, None)
    assert read.data == rows_of["data"]


def check_wandb_images(run):
    folder, records = inspect(run)
    told = {file["path"] for r in records if r["type"] == "files" for file in r["files"]["files"]}
    last = values_of(history_of(records)[-1])
    for name, path in pictures(run).items():
        assert last[name]["_type"] == "image-file" and last[name]["path"] in told, last
        assert bytes_of(f"{folder}/files/{last[name]['path']}") == bytes_of(path)
        assert (last[name]["width"], last[name]["size"]) == (1280, os.path.getsize(path))


def check_wandb_again(folder):
    def history(at):
        return [values_of(record) for record in history_of(inspect(at)[1])]

    assert history(f"{folder}/again") == history(f"{folder}/agent")


def check_tensorboard_again(folder):
    live, again = tensorboard(f"{folder}/agent"), tensorboard(f"{folder}/again")
    assert live.Tags()["scalars"] == again.Tags()["scalars"]
    for tag in live.Tags()["scalars"]:
        assert live.Scalars(tag) == again.Scalars(tag), tag
    for tag in live.Tags()["histograms"]:
        ours, theirs = live.Histograms(tag), again.Histograms(tag)
        assert [(h.step, h.histogram_value) for h in ours] == [(h.step, h.histogram_value) for h in theirs], tag


def check_mlflow(uri, run, run_id):
    import mlflow

    client = mlflow.MlflowClient(uri)
    found = client.get_run(run_id)
    assert found.info.status == "FINISHED", found.info.status
    assert client.get_experiment(found.info.experiment_id).name == "peers"
    assert found.info.run_name == os.path.basename(run), found.info.run_name
    config = json.load(open(f"{run}/config.json"))
    assert found.data.params["seed"] == str(config["seed"])
    assert found.data.params["versions.gymformer"] == config["versions"]["gymformer"]
    metrics = rows(run, "metrics")
    for tag in {tag for row in metrics for tag in metrics_of(row)}:
        want = [(row["globalStep"], metrics_of(row)[tag]) for row in metrics if tag in metrics_of(row)]
        assert [(m.step, m.value) for m in client.get_metric_history(run_id, tag)] == want, tag


def check_mlflow_resumed(uri, run, run_id):
    """Each step once. What depends on clock and memory is of the process that came first: the server has it already."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("peers").experiment_id], "attributes.run_name = 'resumed'")
    assert [(each.info.run_id, each.info.status) for each in found] == [(run_id, "FINISHED")]
    metrics = rows(run, "metrics")
    for tag in {tag for row in metrics for tag in metrics_of(row)}:
        have = [(m.step, m.value) for m in client.get_metric_history(run_id, tag)]
        want = [(row["globalStep"], metrics_of(row)[tag]) for row in metrics if tag in metrics_of(row)]
        if "econd" in tag or tag == "charts/memory":
            have, want = [[step for step, _ in values] for values in (have, want)]
        assert have == want, tag


def check_mlflow_table(uri, run, run_id):
    import mlflow

    mlflow.set_tracking_uri(uri)
    table = mlflow.artifacts.load_dict(f"runs:/{run_id}/completions.json")
    column = table["columns"].index
    completions = rows(run, "completions")
    assert [row[column("completion")] for row in table["data"]] == [row["completion"] for row in completions]


def check_mlflow_images(uri, run, run_id):
    import mlflow

    mlflow.set_tracking_uri(uri)
    for name, path in pictures(run).items():
        assert bytes_of(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=f"{name}.png")) == bytes_of(path)


def check_parquet(folder, run):
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(f"{folder}/texts.parquet")
    have = [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()]
    want = [{key: value for key, value in row.items() if value is not None} for row in rows(run, "completions")]
    assert have == want and len(want) > 8, (have[0], want[0])
    assert str(table.schema.field("logProbs").type).startswith("list<element: double")
    assert table.to_pandas()["return"].mean() == np.mean([row["return"] for row in want])


def start_server(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    command = [f"{BIN}/mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    log = open(f"{folder}/server.log", "w")
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    deadline = time.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=2).read()
            # Its first answer from the database takes many seconds on a busy machine.
            urllib.request.urlopen(f"{uri}/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=60).read()
            return server, uri
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"mlflow server did not start:\n{open(log.name).read()}")
            time.sleep(0.5)


def main():
    with tempfile.TemporaryDirectory() as folder:
        server, uri = start_server(folder)
        try:
            node = subprocess.run(["node", "--import", "tsx", "test/peers/tracking.ts", folder, uri], capture_output=True, text=True)
            if node.returncode != 0:
                sys.exit(f"our side ended with {node.returncode}:\n{node.stdout}{node.stderr}")
            ids = json.loads(node.stdout.splitlines()[-1])
            agent, text, resumed = (f"{folder}/{name}" for name in ("agent", "text", "resumed"))
            checks = [
                ("nothing was warned of", lambda: node.stderr == "" and not ids["failures"] or 1 / 0),
                ("TensorBoard: metrics of an agent", lambda: check_tensorboard(agent, tensorboard(agent))),
                ("TensorBoard: metrics of a language model", lambda: check_tensorboard(text, tensorboard(text))),
                ("TensorBoard: episodes, histograms", lambda: check_tensorboard_episodes(agent, tensorboard(agent))),
                ("TensorBoard: texts, settings", lambda: check_tensorboard_texts(text, tensorboard(text))),
                ("TensorBoard: pictures", lambda: check_tensorboard_images(agent, tensorboard(agent))),
                ("TensorBoard: told later", lambda: check_tensorboard_again(folder)),
                ("TensorBoard: a run that was killed and went on", lambda: check_tensorboard(resumed, tensorboard(resumed))),
                ("TensorBoard: its episodes", lambda: check_tensorboard_episodes(resumed, tensorboard(resumed))),
                ("W&B: a run that was killed and went on", lambda: check_wandb(resumed)),
                ("W&B: its summary", lambda: check_wandb_summary(resumed)),
                ("MLflow: a run that was killed and went on", lambda: check_mlflow_resumed(uri, resumed, ids["resumed"])),
                ("W&B: configuration and history of an agent", lambda: check_wandb(agent)),
                ("W&B: configuration and history of a language model", lambda: check_wandb(text)),
                ("W&B: summary", lambda: check_wandb_summary(agent)),
                ("W&B: pictures", lambda: check_wandb_images(agent)),
                ("W&B: tables of texts", lambda: check_wandb_table(text)),
                ("W&B: told later", lambda: check_wandb_again(folder)),
                ("MLflow: an agent", lambda: check_mlflow(uri, agent, ids["agent"])),
                ("MLflow: a language model", lambda: check_mlflow(uri, text, ids["text"])),
                ("MLflow: table of texts", lambda: check_mlflow_table(uri, text, ids["text"])),
                ("Parquet: texts", lambda: check_parquet(folder, text)),
                ("MLflow: pictures", lambda: check_mlflow_images(uri, agent, ids["agent"])),
            ]
            failed = 0
            for name, check in checks:
                try:
                    check()
                    print(f"ok      {name}", flush=True)
                except Exception as error:
                    failed += 1
                    print(f"FAILED  {name}: {type(error).__name__}: {str(error)[:600]}", flush=True)
            if failed:
                print(node.stderr)
        finally:
            os.killpg(server.pid, 15)
            server.wait()
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
