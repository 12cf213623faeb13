"""A connector that is not ours, and distributions: installed by pip, or by having been written."""

import os
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

from world import DISCOVER

ROOT = Path(__file__).parents[1]
CONNECTOR = """
from typing import Annotated
from connector_core import *

class StrangerCredentials(Credentials):
    domain: Annotated[str, TenantDomain("stranger.example")]
    api_key: SecretStr

class Stranger(Connector[StrangerCredentials]):
    manifest = Manifest(
        name="stranger", title="Stranger", description="Somebody else's.", category=Category.HRIS,
        authentication="API", hosts=("*.stranger.example",), base_url="https://{domain}",
        auth=Bearer("api_key"), api=">=1,<2",
    )

    async def check(self):
        return Account("one", "1")

    @discovers(Employee, products={Product.SMP}, resource="Person", description="People.")
    async def employees(self):
        yield Page.single(())

@hookimpl
def discovery_connectors():
    return [Stranger]
"""


class Folder:
    """Distributions that are installed by having been written: a package and its metadata."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, source: str, *, name: str = "stranger", distribution: str = "", module: str = "") -> str:
        """Add a distribution; return the name of its module."""
        # A name of its own in every test: what is imported once stays imported.
        module = module or f"plugin_{uuid.uuid4().hex}"
        (self.path / f"{module}.py").write_text(textwrap.dedent(source))
        distribution = distribution or f"dist-{module.replace('_', '-')}"
        info = self.path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[connector_core]\n{name} = {module}\n")
        return module


def environment(site: Path) -> dict[str, str]:
    """One in which what was installed into this folder is found, beside the code of this checkout."""
    path = f"{DISCOVER.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}


def install(project: Path, site: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, project], env=environment(site), check=True)
