"""An HTML page as the parser of the standard library reads it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "col", "img", "input", "link", "hr", "source", "use", "wbr"}


class Page(HTMLParser):
    """Parsed page: elements, attributes and text; asserts that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def text(self, *, of: str | None = None) -> str:
        return " ".join(" ".join(t.split()) for tag, t in self.texts if of in (None, tag) and tag not in ("style",))

    def scripts(self) -> list[str]:
        return [t for tag, t in self.texts if tag == "script"]
