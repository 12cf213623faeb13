"""Tables that fit where they are printed: words are not broken, and where columns have no room, rows become lists."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_GAP = 2
"""Spaces between two columns."""
_LONGEST = 40
"""Words that are longer may be broken: digests, addresses of pages."""
_NARROW, _LINES = 20, 5
"""A column narrower than this has no more lines than that."""


class FittedTable(Table):
    """A table whose cells are plain texts. Its widths are chosen when it is printed."""

    def __init__(self, title: str) -> None:
        super().__init__(
            title=title or None,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, _GAP - 1, 0, 0),
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        measured = [
            [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
            for column in self.columns
        ]
        narrowest = [max(min(one.minimum, _LONGEST) for one in cells) for cells in measured]
        widest = [max(one.maximum for one in cells) for cells in measured]
        widths = fitted(narrowest, widest, options.max_width - _GAP * (len(self.columns) - 1))
        if widths:
            for column, width in zip(self.columns, widths, strict=True):
                column.width = width
            yield from super().__rich_console__(console, options)
        else:
            yield from self._as_lists()

    def _as_lists(self) -> Iterator[Text | Table]:
        """Yield each row as a heading and a list of what else it says."""
        if self.title:
            yield Text(str(self.title), style="italic")
        headings = [str(column.header) for column in self.columns]
        for number, row in enumerate(zip(*(column.cells for column in self.columns), strict=True)):
            if number:
                yield Text()
            # A column without a heading is a sign that belongs to the next one.
            first = 1 if headings[0] else 2
            yield Text(" ").join(_text(cell) for cell in row[:first])
            list_ = Table.grid(padding=(0, _GAP, 0, 0))
            list_.add_column(min_width=2 + max(map(len, headings[first:]), default=0), style="dim")
            list_.add_column(overflow="fold")
            for heading, cell in zip(headings[first:], row[first:], strict=True):
                if _text(cell):
                    list_.add_row(f"  {heading}", cell)
            yield list_


def fitted(narrowest: Sequence[int], widest: Sequence[int], room: int) -> list[int] | None:
    """Return widths that fit, or None if words would have to be broken, or narrow columns become long.

    Columns get what they need, as long as there is room; then the widest ones are narrowed first.
    """
    if sum(narrowest) > room:
        return None
    most = max(widest, default=0)
    while sum(widths := [max(low, min(high, most)) for low, high in zip(narrowest, widest, strict=True)]) > room:
        most -= 1
    long = (width < _NARROW and high > _LINES * width for width, high in zip(widths, widest, strict=True))
    return None if any(long) else widths


def _text(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))
