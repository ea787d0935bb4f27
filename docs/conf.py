"""Sphinx, over the pages that `docs/build_site.py` lays out; everything a page loads comes with the site."""

from importlib.metadata import version as installed

project = "hyperdyn"
author = "HyperDynamics"
version = release = installed("hyperdyn")
copyright = author
extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = "hyperdyn"
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
