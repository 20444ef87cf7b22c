"""Training in processes of their own, forked from one that has imported everything but computed nothing.

    python -m tests.train.training.forks kills TABLES OUT STEP...
    python -m tests.train.training.forks ranks TABLES OUT

`kills` trains into OUT/whole, then into OUT/killed, where a run is killed by SIGKILL each time it reaches the
next STEP (a fraction waits that share of a step's time), and at last left to finish. `ranks` trains in one
process (OUT/one) and in two (OUT/two), and writes the loss and gradient of one batch beside them.
"""

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import accelerate  # noqa: F401 - so that no fork has to
import numpy as np
import torch
import torch._dynamo  # which the first optimiser imports
import torch.utils.tensorboard
import transformers
import transformers.models.bert.modeling_bert
import transformers.tokenization_utils_tokenizers
from safetensors.torch import save_file

from oasis_train.training import checkpoint, output, preparation, trainer  # noqa: F401
from oasis_train.training.backbone import load_backbone, training_tokenizer
from oasis_train.training.config import TrainConfig
from oasis_train.training.data import TrainingRows
from oasis_train.training.random_backbone import write_random_backbone
from oasis_train.training.stage import train
from oasis_train.training.step import Stepper
from oasis_train.training.template import write_template
from oasis_train.training.trainer import deterministic_kernels, start_accelerator
from tests.train.training.tables import small_config

Tables = tuple[Path, Path, Path]


def fork(work: Callable[[], object], environment: dict[str, str]) -> int:
    """The id of a process that does `work`."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.environ.update(environment)
        torch.set_num_threads(1)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def finish(process: int) -> None:
    """Wait for a process that must succeed."""
    _, status = os.waitpid(process, 0)
    if status:
        raise SystemExit(f"a process ended with {status}")


def run_kills(tables: Tables, out: Path, moments: list[float]) -> None:
    config = small_config(checkpoint_every=2, eval_every=5, dev_sample=20, max_steps=16, batch=8)
    finish(fork(lambda: train(config, *tables, out / "whole"), {}))
    for moment in [*moments, None]:
        reader, writer = os.pipe()

        def tell(what: str, done: int, _: int, writer: int = writer) -> None:
            if what == "train":
                os.write(writer, bytes([done]))

        process = fork(partial(train, config, *tables, out / "killed", progress=tell), {})
        os.close(writer)
        if moment is not None:
            _kill_at(process, reader, moment)
        else:
            finish(process)
        os.close(reader)


def _kill_at(process: int, reader: int, moment: float) -> None:
    last = time.monotonic()
    seconds = 0.01
    while select.select([reader], [], [], 120)[0] and (told := os.read(reader, 1)):
        seconds, last = time.monotonic() - last, time.monotonic()
        if told[0] >= int(moment):
            time.sleep(min(seconds, 0.1) * (moment % 1))
            break
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the run ended with {status} before it was killed at step {moment}")


def run_ranks(tables: Tables, out: Path) -> None:
    config = small_config(max_steps=4, dev_sample=0, batch=8, checkpoint_every=3)
    chunked = small_config(chunk=2, batch=8)
    rows = out / "rows"
    finish(fork(lambda: _prepare(tables, out, config), {}))

    def work(name: str) -> None:
        train(config, *tables, out / name)
        for label, chosen in (("plain", config), ("chunked", chunked)):
            _write_gradient(out / f"{name}-{label}.safetensors", out, rows, chosen)

    finish(fork(lambda: work("one"), {}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "ACCELERATE_USE_CPU": "true",
    }
    processes = [
        fork(lambda: work("two"), {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in (0, 1)
    ]
    for process in processes:
        finish(process)


def _prepare(tables: Tables, out: Path, config: TrainConfig) -> None:
    from oasis_train.training.preparation import Sources, prepare_rows

    text = (Path(transformers.__file__).parent / "modeling_outputs.py").read_text(encoding="utf-8")
    write_random_backbone(out / "backbone", [text], config)
    layout = write_template(out / "template", out / "backbone", config)
    tokenizer = training_tokenizer(layout, load_backbone(out / "backbone", layout, config), config)
    sources = Sources(tables[0] / "functions", tables[1] / "docstrings", tables[2] / "pairs")
    prepare_rows(out / "rows", sources, tokenizer, ("query: ", ""), dev_sample=0, seed=1)


def _write_gradient(path: Path, out: Path, folder: Path, config: TrainConfig) -> None:
    """Loss and gradient of the first pairs, this process's part of them."""
    from oasis_search.encoder.layout import read_layout

    rows, accelerator = TrainingRows(folder), start_accelerator()
    network: Any = load_backbone(out / "backbone", read_layout(out / "template"), config)
    pad_id = network.pad_id
    network = accelerator.prepare(network)
    share = config.batch // accelerator.num_processes
    first = share * accelerator.process_index
    batch = rows.batch(np.arange(first, first + share, dtype=np.uint32))
    with deterministic_kernels(True):
        loss = Stepper(network, accelerator, pad_id, config).gradient(batch, lambda _: None)
    found = {
        name: parameter.grad
        for name, parameter in accelerator.unwrap_model(network).named_parameters()
        if parameter.grad is not None
    }
    if accelerator.is_main_process:
        save_file({"loss": loss.total, "cosent": loss.cosent, **found}, path)


if __name__ == "__main__":
    root, target = Path(sys.argv[2]), Path(sys.argv[3])
    folders = (root / "corpus", root / "docstrings", root / "refine")
    if sys.argv[1] == "kills":
        run_kills(folders, target, [float(moment) for moment in sys.argv[4:]])
    else:
        run_ranks(folders, target)
