"""Models on the Hugging Face Hub, as `save_pretrained` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hyperdyn.extras import optional
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.pretrained import CONFIG, WEIGHTS, load_pretrained, save_pretrained

CARD = "README.md"
FILES = (CONFIG, WEIGHTS, CARD)


def push_to_hub(model: AbstractDynamics, repo_id: str, *, private: bool = False, api: Any = None, **about: Any) -> None:
    """Upload a model to OWNER/NAME, made if it is not there yet, with a model card if it has none.

    api: a `huggingface_hub.HfApi`; None is one with the token that `hf auth login` left.
    about: plain values to keep in config.json.

    Raises:
        ConfigError: huggingface_hub is not installed.
        CheckpointError: see `save_pretrained`.
    """
    api = api or optional("huggingface_hub", "the Hugging Face Hub").HfApi()
    with TemporaryDirectory() as folder:
        save_pretrained(model, folder, **about)
        api.create_repo(repo_id=repo_id, private=private, exist_ok=True)
        if not api.file_exists(repo_id=repo_id, filename=CARD):
            (Path(folder) / CARD).write_text(card(model, repo_id), encoding="utf-8")
        api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=list(FILES))


def from_hub(
    repo_id: str, *, revision: str | None = None, trust: Sequence[str] = (), api: Any = None
) -> AbstractDynamics:
    """The model in OWNER/NAME, loaded as `load_pretrained` loads: weights, plain text, and no class but hyperdyn's.

    revision: a commit; None is the newest.

    Raises:
        ConfigError: huggingface_hub is not installed.
        CheckpointError: what is there is not one of ours.
    """
    api = api or optional("huggingface_hub", "the Hugging Face Hub").HfApi()
    folder = api.snapshot_download(repo_id=repo_id, revision=revision, allow_patterns=list(FILES))
    return load_pretrained(folder, trust=trust)


def card(model: AbstractDynamics, repo_id: str) -> str:
    """A model card: what it is and how to load it."""
    recipe = model.recipe or {}
    method = str(recipe.get("model", {}).get("_target_", "")).rpartition(".")[2]
    sizes = "-".join(map(str, model.executed_sizes))
    return f"""---
library_name: hyperdyn
tags: [dynamics-model, model-based-rl]
---
{method}, trained on the family `{recipe.get("family")}`; one predicted step executes a network of {sizes}.

```python
from hyperdyn.hub import from_hub

model = from_hub("{repo_id}")
```
"""
