"""The text of a message in HTML."""

from html.parser import HTMLParser

_LINES = ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LINES:
            self.pieces.append("\n")


def html_text(html: str) -> str:
    """The text that a reader of the HTML sees; blocks become lines."""
    if "<" not in html and "&" not in html:
        return html
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (line.strip() for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in lines if line)
