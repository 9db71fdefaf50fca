"""Whether everybody can use a page."""

from pathlib import Path

AXE = Path(__file__).parent.joinpath("vendor", "axe.min.js").read_text()

DJANGOS_OWN = (
    # The login page has its site's name in a <div>, and no heading.
    ("page-has-heading-one", "html:has(body.login)"),
)
"""What is wrong with Django's admin itself: rule of axe-core, selector."""

RUN = """
async (known) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const isKnown = (rule, target) =>
    known.some(([id, where]) => id === rule && document.querySelector(target)?.matches(where));
  return violations.flatMap(({ id, help, nodes }) =>
    nodes
      .filter(({ target }) => !isKnown(id, target[0]))
      .map(({ target, failureSummary }) => `${id}: ${target}: ${help}. ${failureSummary}`)
  );
}
"""


def assert_accessible(page):
    """axe-core, with all its rules, finds nothing."""
    # Not as a <script>, which the page's Content-Security-Policy would rightly stop.
    page.evaluate(AXE)
    assert page.evaluate(RUN, DJANGOS_OWN) == []


def assert_fits(page):
    """No reader has to scroll sideways: what is wider than the window scrolls in itself."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    content, window = page.evaluate(widths)
    assert content <= window, wide_elements(page)


def wide_elements(page):
    """The elements that stand out at the end of a line, for whoever has to mend them."""
    return page.evaluate("""() => {
      const edge = document.documentElement.clientWidth;
      return [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > edge + 1)
        .map((e) => `${e.tagName}.${e.className}#${e.id} ${e.getBoundingClientRect().right}`);
    }""")
