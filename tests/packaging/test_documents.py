"""What README and docs show exists: commands, files, modules; and nothing names a machine."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hyperdyn import cli, config
from hyperdyn.extras import EXTRAS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {".py", ".md", ".yaml", ".toml", ".cfg", ".lock", ".svg", ""}


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks; a line that goes on is one line."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M)
    return [re.sub(r" *\\\n *", " ", text) for language, text in found if language in languages]


STARTED = re.compile(r"^(?:srun|torchrun .* -m) (.*?)(?: \|\| .*)?$")
"""A command, and what starts it on many processes."""


def shown(start: str) -> list[str]:
    """Command lines of all pages, in blocks and in backquotes, without their comments."""
    found = []
    for page in PAGES:
        lines = "\n".join(blocks(page, "console", "bash")).splitlines()
        lines = [STARTED.sub(r"\1", line) for line in lines]
        lines += re.findall(rf"`({start} [^`]+)`", page.read_text())
        found += [re.sub(r"\s+#.*", "", line).strip() for line in lines]
    return sorted({line for line in found if line.startswith(f"{start} ")})


HYPERDYN = [c for c in shown("hyperdyn") if re.match("hyperdyn [a-z-]+ ", c) and "COMMAND" not in c and "DIR" not in c]
HYPERDYN = [c for c in HYPERDYN if "needs Python" not in c]  # what make says
MAKE = shown("make")


@pytest.mark.parametrize("command", HYPERDYN)
def test_every_command_shown_composes(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not run, only understood: name, flags, groups, options and keys."""
    monkeypatch.chdir(ROOT if "examples/" in command else ROOT / "examples" / "cart")
    _, name, *rest = shlex.split(command)
    assert name in cli.COMMANDS
    flags, overrides = cli._split(cli.COMMANDS[name], rest)
    overrides = [
        o for o in overrides if not re.match("env=.*my_robot", o) and not o.startswith("hydra.searchpath=[pkg://my")
    ]
    if name == "doctor":
        assert not overrides
    elif flags & {"-m", "--multirun"}:
        config.check_sweep(name, overrides)
    else:
        cfg = config.compose(name, overrides)
        assert "--help" in flags or not OmegaConf.missing_keys(cfg)


@pytest.mark.parametrize("command", MAKE)
def test_every_target_shown_exists(command: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    words = [w for w in shlex.split(command)[1:] if "=" not in w]
    assert words
    assert set(words) <= targets


def test_the_two_commands_are_shown() -> None:
    assert {"make demo", "make test"} <= set(MAKE)
    assert len(HYPERDYN) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def _of_an_extra(node: ast.AST) -> bool:
    """Whether a statement imports a package of an extra that is not installed here."""
    names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or ""]
    wanted = ["huggingface_hub" if name == "hyperdyn.hub" else name for name in names]
    return any(name in EXTRAS and find_spec(name) is None for name in wanted)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_name_imported_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if _of_an_extra(node):
                continue
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


@pytest.mark.parametrize(
    "name",
    re.findall(
        r"`((?:planning|models|envs|hyperdyn|conf|callbacks)/[a-z_/]+\.(?:py|yaml))`",
        "\n".join(p.read_text() for p in PAGES),
    ),
)
def test_every_file_named_exists(name: str) -> None:
    assert (ROOT / name).exists() or (ROOT / "hyperdyn" / name).exists()


def test_the_table_of_options_is_whole() -> None:
    for group, options in re.findall(r"^\| `(\w+)` \| (`.*`) \|$", (ROOT / "README.md").read_text(), re.M):
        there = {p.stem for p in (ROOT / "conf" / group).glob("*.yaml")}
        assert set(re.findall(r"`(\w+)`", options)) == there, group


def test_the_example_shown_is_the_example_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in ("cart.py", "conf/env/cart.yaml"):
        assert (ROOT / "examples" / "cart" / name).read_text() in readme
    guide = (ROOT / "docs" / "extending.md").read_text()
    assert (ROOT / "examples" / "gymnasium" / "moon_pendulum.yaml").read_text() in guide
    for name in ("offset.py", "offset.yaml"):
        assert (ROOT / "examples" / "offset" / name).read_text() in guide
    assert '[project.entry-points."hyperdyn.conf"]\nmy-envs = "my_envs.conf"\n' in guide
    assert 'my-envs = "my_envs.conf"\n' in (ROOT / "examples" / "my_envs" / "pyproject.toml").read_text()


def files() -> list[Path]:
    """Files that are in version control, or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a clone")
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [p for p in paths if p.is_file() and p.suffix in TEXT]


HOST = re.compile(r"https?://([\w.-]+)")
ALLOWED_HOSTS = {"www.w3.org"}
"""A name space, fetched by nobody."""
HOME = re.compile(r"(?<![\w.])/(?:work|root|home|Users|tmp|opt)/\w")


def test_nothing_names_a_host_or_somebodys_folder() -> None:
    found = []
    for path in files():
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {h}" for h in HOST.findall(text) if h not in ALLOWED_HOSTS]
        if path != Path(__file__):
            found += [f"{path.relative_to(ROOT)}: {h}" for h in HOME.findall(text)]
    assert not found
