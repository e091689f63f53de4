"""The two places where the pages are drawn, and how: every structure is written once, as a macro that takes a Look.

A Look names the few CSS classes that differ. All other classes and every id of ours have the same name in both places,
in Glance behind a prefix, because the document there belongs to others (GL-2).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one place is drawn.

    Attributes:
        own: what our own class names and ids begin with.
        full: a page of our own, which has more room: runs as marks, the state of each job in the schedule, exact times
            that come up together. Without it times that pass carry what Glance needs to keep them true.
        top: the level of the headline's heading; those below it follow.
        hidden: is read aloud, and not shown.
        highlight: stands out from the text around it.
        paragraph: is read as a sentence.
        pieces: a list in one line, with bullets between.
        listed: a list, one below the other.
        small: letters of tables and legends.
        title, subtitle: the headline, and the heading of a part of the page.
        banner, tally, troubles, calendar, history, date_head: these structures.
    """

    own: str
    full: bool
    top: int
    hidden: str
    highlight: str
    paragraph: str
    pieces: str
    listed: str
    small: str
    title: str
    subtitle: str
    banner: str
    tally: str
    troubles: str
    calendar: str
    history: str
    date_head: str


#: The page inside Glance's iframe widget: static/widget.css and calendar.css.
WIDGET = Look(
    own="",
    full=True,
    top=1,
    hidden="vh",
    highlight="highlight",
    paragraph="paragraph",
    pieces="bulleted",
    listed="listed",
    small="small-letters",
    title="title",
    subtitle="subtitle",
    banner="banner",
    tally="tally",
    troubles="troubles",
    calendar="calendar",
    history="history",
    date_head="date-head",
)

#: A fragment in Glance's own document: its classes, and templates/extension.css.
GLANCE = Look(
    own="bg-",
    full=False,
    top=3,
    hidden="visually-hidden",
    highlight="color-highlight",
    paragraph="color-paragraph",
    pieces="list-horizontal-text",
    listed="list list-gap-4",
    small="size-h6",
    title="size-h2 color-highlight",
    subtitle="size-h4 color-highlight",
    banner="bg-banner flex gap-12 color-paragraph",
    tally="bg-tally flex flex-wrap margin-top-10",
    troubles="bg-section list list-gap-10",
    calendar="bg-section bg-calendar",
    history="bg-section bg-history",
    date_head="bg-date-head flex justify-between",
)
