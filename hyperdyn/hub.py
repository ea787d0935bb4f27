"""Models on the Hugging Face Hub, as `save_pretrained` writes them, through the Hub's own mixin."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hyperdyn.extras import optional
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.pretrained import CONFIG, WEIGHTS, load_pretrained, save_pretrained

CARD = """---
{{ card_data }}
---
{{ about }}

```python
from hyperdyn.hub import HubModel

model = HubModel.from_pretrained("{{ repo_id }}").network
```
"""


def __getattr__(name: str) -> Any:
    """`HubModel`, made when it is asked for: huggingface_hub is an extra."""
    if name != "HubModel":
        raise AttributeError(f"module 'hyperdyn.hub' has no attribute '{name}'")
    return _hub_model()


@cache
def _hub_model() -> Any:
    hub = optional("huggingface_hub", "the Hugging Face Hub")

    class HubModel(  # type: ignore[call-arg]
        hub.ModelHubMixin,  # type: ignore[name-defined]
        library_name="hyperdyn",
        tags=["dynamics-model", "model-based-rl"],
        model_card_template=CARD,
    ):
        """A model with `save_pretrained`, `push_to_hub` and `from_pretrained`, as everything on the Hub has them.

        network: what it holds, the model itself.
        """

        def __init__(self, network: AbstractDynamics) -> None:
            self.network = network

        def _save_pretrained(self, save_directory: Path) -> None:
            save_pretrained(self.network, save_directory)

        @classmethod
        def _from_pretrained(cls, *, model_id: str, trust: Sequence[str] = (), **where: Any) -> HubModel:
            """Weights, plain text, and no class but those of hyperdyn and of the packages named in `trust`."""
            folder = model_id
            if not Path(model_id).is_dir():
                folder = hub.snapshot_download(repo_id=model_id, allow_patterns=[CONFIG, WEIGHTS], **where)
            return cls(load_pretrained(folder, trust=trust))

        def generate_model_card(self, *, repo_id: str = "OWNER/NAME", **more: Any) -> Any:
            return super().generate_model_card(repo_id=repo_id, about=_about(self.network), **more)

        def push_to_hub(self, repo_id: str, **options: Any) -> Any:
            """Upload to OWNER/NAME, made if it is not there yet; with a model card if it has none."""
            card = {"repo_id": repo_id, **options.pop("model_card_kwargs", {})}
            return super().push_to_hub(repo_id, model_card_kwargs=card, **options)

    return HubModel


def _about(model: AbstractDynamics) -> str:
    """What a model is, in one sentence."""
    recipe = model.recipe or {}
    method = str(recipe.get("model", {}).get("_target_", "")).rpartition(".")[2]
    sizes = "-".join(map(str, model.executed_sizes))
    return f"{method}, trained on the family `{recipe.get('family')}`; a predicted step executes a network of {sizes}."
