"""The lessons as a site: the same Markdown files, with search, and every formula drawn without a script.

`python -m sphinx -W -b html lessons site` writes it; the extra `docs` brings what that needs. Nothing in it is
fetched from elsewhere when a page is opened, so it can be read from a folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

project = "Lessons"
project_copyright = "the nst authors"
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["figures"]
highlight_language = "text"
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
html_theme = "furo"
html_theme_options = {"light_css_variables": {"code-font-size": "0.78em"}}
html_title = "Neural style transfer, by hand"
html_math_renderer = "mathml"
html_static_path = html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False

REPOSITORY = Path(__file__).parent.parent
SHOWN = "source/"
ACCENT = re.compile(r"(\\(?:hat|bar|tilde)\{\w+\})(?=[_^])")
"""An accented letter with an index: the converter puts the index below unless the letter is in a longer group."""
logger = logging.getLogger(__name__)


def draw_math(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML, which browsers draw themselves; the usual renderer loads a script."""
    block = isinstance(node, nodes.math_block)
    try:
        drawn = tex2mathml(ACCENT.sub(r"{\1{}}", node.astext()), as_block=block)
    except MathError as error:
        logger.warning("%s", error, location=node)
        drawn = escape(node.astext())
    translator.body.append(f'<div class="math">{drawn}</div>' if block else drawn)
    raise nodes.SkipNode


def prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """List the lessons in the side bar, and cut the blank lines that only doctest needs."""
    source[0] = source[0].replace("\n\n```\n", "\n```\n")
    if docname == root_doc:
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"


def link_sources(app: Sphinx, tree: nodes.document) -> None:
    """Let links to files of the repository, which are no pages, lead to a page that shows the file."""
    for link in list(tree.findall(addnodes.download_reference)):
        path = (Path(app.srcdir) / link["reftarget"]).resolve().relative_to(REPOSITORY).as_posix()
        link.replace_self(nodes.reference("", "", *link.children, refuri=f"{SHOWN}{path}.html"))


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield a page with the highlighted text of every file that a lesson links to."""
    trees = map(app.env.get_doctree, app.env.found_docs)
    targets = {link.get("refuri", "") for tree in trees for link in tree.findall(nodes.reference)}
    for page in sorted(target.removesuffix(".html") for target in targets if target.startswith(SHOWN)):
        path = page.removeprefix(SHOWN)
        language = "python" if path.endswith(".py") else "text"
        code = app.builder.highlighter.highlight_block((REPOSITORY / path).read_text("utf-8"), language)
        yield page, {"title": path, "body": f"<h1>{escape(path)}</h1>{code}"}, "page.html"


def copy_first_page(app: Sphinx, exception: Exception | None) -> None:
    """Give the site the `index.html` that a browser or a server looks for."""
    if exception is None:
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Join the functions above to the build."""
    app.add_html_math_renderer("mathml", (draw_math, None), (draw_math, None))
    app.connect("source-read", prepare)
    app.connect("doctree-read", link_sources, priority=400)  # before the targets are copied
    app.connect("html-collect-pages", source_pages)
    app.connect("build-finished", copy_first_page)
