"""What strangers wrote cannot steer a terminal, a browser, a wiki, a monitoring system or a shell."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hostile_report import ATTACKS, hostile, hostile_story
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from metrics_grammar import read_metrics

from kvmedic.render import render
from kvmedic.render.sanitise import clean

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
BENIGN = "web"
PAGE_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "div", "h1", "h2", "h3", "span", "p", "pre"),
    *("strong", "code", "article", "header", "table", "tr", "th", "td", "ul", "li", "svg", "rect", "text"),
    *("line", "img", "footer"),
}
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
FOR_PEOPLE = ("text", "html", "markdown", "nagios", "ticket", "openmetrics")


def unsafe_characters(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in UNSAFE and c != "\n"}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("wanted", [*FOR_PEOPLE, "json"])
def test_no_format_lets_an_invisible_or_steering_character_through(attack: str, wanted: str) -> None:
    for report in (hostile(ATTACKS[attack]), hostile_story(ATTACKS[attack])):
        assert not unsafe_characters(render(report, wanted, verbose=True))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_colour_terminal_gets_only_our_own_colours(attack: str) -> None:
    for report in (hostile(ATTACKS[attack]), hostile_story(ATTACKS[attack])):
        text = render(report, "text", colour=True, verbose=True)
        assert not unsafe_characters(re.sub(r"\x1b\[[0-9;]*m", "", text))


def test_markup_of_the_terminal_library_is_shown_as_it_is() -> None:
    attack = ATTACKS["rich markup"]
    assert "[red]x[/red] [link=file:///etc/passwd]y[/link] :skull:" in render(
        hostile(attack), "text", width=400
    )


@given(ANYTHING)
@settings(max_examples=60, deadline=None)
def test_any_text_comes_out_as_safe_lines(text: str) -> None:
    assert not unsafe_characters(clean(text))
    for wanted in ("text", "markdown", "ticket"):
        assert not unsafe_characters(render(hostile(text), wanted))


@given(ANYTHING)
@settings(max_examples=60, deadline=None)
def test_json_gives_back_any_text_exactly_unless_it_is_no_unicode(text: str) -> None:
    read = json.loads(render(hostile(text), "json"))
    expected = text.encode("utf-8", "backslashreplace").decode()
    assert read["host"]["name"] == expected


class Tags(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def read_page(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    return tags


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_has_the_same_elements_whatever_the_names_are(attack: str) -> None:
    for make in (hostile, hostile_story):
        page = read_page(render(make(ATTACKS[attack]), "html"))
        assert page.tags == read_page(render(make(BENIGN), "html")).tags
        assert set(page.tags) <= PAGE_TAGS
        assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("style", "href")]


@pytest.mark.parametrize(
    "attack", ["markdown", "markdown block", "html", "very long", "rich markup", "shell"]
)
def test_markdown_has_the_same_structure_whatever_the_names_are(attack: str) -> None:
    for make in (hostile, hostile_story):
        assert structure(render(make(ATTACKS[attack]), "markdown")) == structure(
            render(make(BENIGN), "markdown")
        )


@given(st.text("`*_[]()<>!|#@~$\\-+=.1 \na&;:/wxh", max_size=30))
@settings(max_examples=150, deadline=None)
def test_no_combination_of_marks_changes_the_structure_of_markdown(text: str) -> None:
    assert structure(render(hostile("a" + text), "markdown")) == structure(render(hostile("a"), "markdown"))


def structure(text: str) -> list[str]:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(text)
    return [
        token.type
        for block in tokens
        for token in (block, *(child for child in block.children or ()))
        if token.type not in ("text", "text_special")
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_metrics_have_the_same_series_whatever_the_names_are(attack: str) -> None:
    families = read_metrics(render(hostile(ATTACKS[attack]), "openmetrics"))
    assert families.keys() == read_metrics(render(hostile(BENIGN), "openmetrics")).keys()
    assert families["kvmedic_verdict"][(("verdict", "healthy"),)] == 0


@given(ANYTHING)
@settings(max_examples=60, deadline=None)
def test_a_label_reads_back_as_the_cleaned_name(text: str) -> None:
    families = read_metrics(render(hostile(text), "openmetrics"))
    labels = dict(next(iter(families["kvmedic_host_info"])))
    assert labels["host"] == clean(text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_plugin_line_has_one_bar_and_no_foreign_performance_data(attack: str) -> None:
    lines = render(hostile(ATTACKS[attack]), "nagios").splitlines()
    assert lines[0].count("|") == 1
    assert lines[0].startswith("KVMEDIC WARNING - ")
    assert not any("|" in line for line in lines[1:])


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_ticket_has_at_most_fifteen_lines(attack: str) -> None:
    for report in (hostile(ATTACKS[attack]), hostile_story(ATTACKS[attack])):
        assert len(render(report, "ticket").splitlines()) <= 15


def test_a_command_to_copy_never_holds_what_a_shell_could_run() -> None:
    text = render(hostile(ATTACKS["shell"]), "text")
    command = next(line for line in text.splitlines() if "Next: " in line)
    assert "reboot" not in command
    assert ";" not in command
