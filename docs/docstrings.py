"""Docstrings in the style of Keras, made readable for mkdocstrings while the site is built.

The parser of Google's style serves `Args`, `Raises` and `Attributes` well. Our other headings become bold
words (`Returns` too: a sentence with a colon would be split into a type and a description), and examples
after `>>>` become blocks of code: Markdown would read them as quotations.
"""

import re
import textwrap

import griffe

_HEADING = re.compile(
    r"^(Call arguments|Returns|Input shape|Output shape|Output|Formula|Example|References?):(?: (\S.*))?$"
)


class Headings(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring):
    """A docstring whose headings and examples Markdown understands."""
    lines, out = docstring.splitlines(), []
    while lines:
        line = lines.pop(0)
        heading = _HEADING.match(line)
        if heading:
            out.append(f"**{heading[1]}.** {heading[2] or ''}".rstrip())
            if not heading[2] and lines and lines[0].startswith("    "):
                out += ["", *_block(lines, entries=heading[1] == "Call arguments")]
        elif line.startswith(">>> "):
            example = [line]
            while lines and lines[0].strip() and not lines[0].startswith("```"):
                example.append(lines.pop(0))
            out += ["```pycon", *example, "```"]
        else:
            out.append(line)
    return "\n".join(out)


def _block(lines, entries):
    """Takes the indented lines that come first; entries, `name: text`, become a list."""
    end = next((i for i, line in enumerate(lines) if line and not line.startswith("    ")), len(lines))
    taken = textwrap.dedent("\n".join(lines[:end])).splitlines()
    del lines[:end]
    return [*(re.sub(r"^(\w+): ", r"- `\1`: ", line) if entries else line for line in taken), ""]
