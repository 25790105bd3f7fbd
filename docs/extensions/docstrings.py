"""Docstrings as this package writes them: names in single backticks, comments next to fields, prose under Returns."""

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize

from docutils import nodes
from sphinx import addnodes
from sphinx.util.inspect import signature as python_signature
from sphinx.util.inspect import stringify_signature
from sphinx.util.nodes import make_refnode

NAME = re.compile(r"(?=[A-Z]|\w+\.)[A-Za-z_]\w*(\.\w+)*")  # GAN, losses.Loss; not loss, which is often an argument
PROSE = re.compile(r"(\s*)(Returns|Yields):$")
CODE = re.compile(r"(`[^`]*`|^ *>>>.*$)", re.MULTILINE)
MARKUP = re.compile(r"(?<!\w)\*(?=\w)|\|")  # (batch, *shape) and |x - y|, which are no emphasis and no substitution
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def name(role, rawtext, text, line, inliner, options=None, content=None):
    """The role of single backticks: code, and a link where it is a public name."""
    code = nodes.literal(rawtext, text.replace("\x00", "\\"), classes=["code"])
    if not NAME.fullmatch(text):
        return [code], []
    reference = addnodes.pending_xref(rawtext, code, refdomain="py", reftype="name", reftarget=text)
    reference["refdoc"] = inliner.document.settings.env.docname
    reference["py:module"] = inliner.document.settings.env.ref_context.get("py:module")
    return [reference], []


def resolve(app, env, reference, code):
    """Links names as people write them, such as losses.Loss, to where they are documented; the rest stays code."""
    if reference.get("refdomain") != "py":
        return None
    target, domain = reference["reftarget"], env.get_domain("py")
    prefixes = dict.fromkeys([f"{reference.get('py:module') or 'keras_gan'}.", "keras_gan.", ""])
    for full in (prefix + target for prefix in prefixes):
        if entry := domain.objects.get(full):
            return make_refnode(app.builder, reference["refdoc"], entry.docname, entry.node_id, code, full)
    return code if reference["reftype"] == "name" else None


def describe_fields(app, what, name, obj, options, lines):
    """Adds the comments next to a dataclass's fields, which are their documentation; types stand in its signature."""
    if what != "class" or not dataclasses.is_dataclass(obj) or any(line in ("Args:", "Attributes:") for line in lines):
        return
    if found := comments(obj):
        lines += ["", *(f":param {field}: {text}" for field, text in found.items())]


def comments(cls):
    """Public field -> the comment at its line's end, or in the lines right above it."""
    source = textwrap.dedent(inspect.getsource(cls))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    at = {token.start[0]: token for token in tokens if token.type == tokenize.COMMENT}
    fields = [node for node in ast.parse(source).body[0].body if isinstance(node, ast.AnnAssign)]
    texts = {node.target.id: comment_of(node, at) for node in fields if not node.target.id.startswith("_")}
    return {field: text for field, text in texts.items() if text}


def comment_of(node, at):
    """The text of a field's comment; "" without one. `at` holds the comments by line."""
    if node.end_lineno in at:
        return at[node.end_lineno].string.lstrip("# ")
    above, line = [], node.lineno - 1
    while line in at and at[line].line.lstrip().startswith("#"):
        above.insert(0, at[line].string.lstrip("# "))
        line -= 1
    return " ".join(above)


def keep_prose(app, what, name, obj, options, lines):
    """Keeps what docstrings say as text from being read as markup, or, before a colon, as a type."""
    parts = CODE.split("\n".join(lines))  # every second one is code
    parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
    parts[::2] = [ARXIV.sub(r"`arXiv:\1 <https://arxiv.org/abs/\1>`__", part) for part in parts[::2]]
    lines[:] = [PROSE.sub(r"\1:\2:", line) for line in "".join(parts).split("\n")]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # an empty comment, since napoleon looks for a type in the first line only


def mend_signature(app, what, name, obj, options, signature, returned):
    """Mends signatures that are hidden behind Keras's constructor, or hold what is no Python: a field's factory."""
    if signature == "(*args, **kwargs)":
        signature = stringify_signature(python_signature(obj.__init__, bound_method=True))
    return signature and signature.replace("<factory>", "..."), returned


def setup(app):
    app.add_role("name", name)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", mend_signature)
    # Before napoleon, which comes at 500.
    app.connect("autodoc-process-docstring", describe_fields, priority=400)
    app.connect("autodoc-process-docstring", keep_prose, priority=401)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
